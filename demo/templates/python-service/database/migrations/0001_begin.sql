-- ${{ values.name }}: the first table.
create table ${{ values.package }}_item (
    id bigint generated always as identity primary key,
    created_at timestamptz not null default now()
);
{%- if values.personalData %}
comment on table ${{ values.package }}_item is 'Holds personal data: delete on request, keep for two years at most.';
{%- endif %}
