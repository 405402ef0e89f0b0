-- The log store of the card payments services: what "Production logs" opens. Run once, in the database payments_logs.
-- The role is created before, by the loader, because roles belong to the server and not to this database.
create table entries (
    at timestamptz not null,
    service text not null,
    level text not null check (level in ('DEBUG', 'INFO', 'WARNING', 'ERROR')),
    message text not null,
    request_id text not null
);

create index entries_at on entries (at desc);
create index entries_request on entries (request_id);

-- Forty orders of the last two hours, five lines each; every 13th is declined, every 17th times out once.
with orders as (
    select
        n,
        now() - interval '2 hours' + n * interval '3 minutes' - (n % 7) * interval '9 seconds' as began,
        'HM-' || (204480 + n * 3) as order_id,
        'pay_' || substr(md5('payment' || n), 1, 16) as payment_id,
        substr(md5('request' || n), 1, 12) as request_id,
        round((900 + (n * 737) % 6100) / 100.0, 2) as amount,
        (array['EUR', 'EUR', 'EUR', 'GBP', 'SEK'])[1 + n % 5] as currency,
        lpad(((n * 3571) % 10000)::text, 4, '0') as last_four,
        n % 13 = 0 as declined,
        n % 17 = 0 as slow
    from generate_series(1, 40) as n
)
insert into entries (at, service, level, message, request_id)
select began + step.delay, step.service, step.level, step.message, request_id
from orders
cross join lateral (
    values
        (interval '0', 'payments', 'INFO', format('authorise order=%s amount=%s %s', order_id, amount, currency)),
        (interval '40 milliseconds', 'card-vault', 'DEBUG', format('token resolved card=**** **** **** %s', last_four)),
        (interval '90 milliseconds', 'payments',
            case when slow then 'ERROR' else 'DEBUG' end,
            case when slow
                then format('processor_timeout after 3000 ms order=%s route=a, trying route=b', order_id)
                else format('processor answered in %s ms order=%s route=a', 120 + (n * 53) % 400, order_id) end),
        ((case when slow then 3210 else 130 + (n * 53) % 400 end) * interval '1 millisecond', 'payments',
            case when declined then 'WARNING' else 'INFO' end,
            case when declined
                then format('declined payment=%s order=%s decline_code=insufficient_funds', payment_id, order_id)
                else format('authorised payment=%s order=%s', payment_id, order_id) end),
        (interval '50 seconds',
            case when n % 11 = 0 then 'refund-desk' else 'payments-capture' end,
            'INFO',
            case
                when n % 11 = 0 then format('refund requested payment=%s reason=damaged amount=%s', payment_id, amount)
                when declined then format('nothing to capture order=%s state=declined', order_id)
                else format('captured payment=%s order=%s', payment_id, order_id) end)
) as step (delay, service, level, message);

revoke all on schema public from public;
revoke all on all tables in schema public from public;
grant usage on schema public to payments_logs_reader;
grant select on all tables in schema public to payments_logs_reader;
