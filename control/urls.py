"""Paths of the inbox, notifications, the rules, deputies and the own profile."""

from __future__ import annotations

from django.urls import path

from control import (
    change_views,
    channel_views,
    deputy_views,
    notice_views,
    notice_wish_views,
    profile_views,
    rule_views,
    several_views,
    views,
)

app_name = "control"
urlpatterns = [
    path("inbox/", views.inbox_list, name="inbox"),
    path("inbox/several/", several_views.decide, name="several"),
    path("inbox/<uuid:intent_id>/", views.inbox_item, name="inbox_item"),
    path("inbox/<uuid:intent_id>/approve/", views.approve, name="approve"),
    path("inbox/<uuid:intent_id>/reject/", views.reject, name="reject"),
    path("inbox/<uuid:intent_id>/ask/", views.ask_back, name="ask_back"),
    path("inbox/<uuid:intent_id>/reply/", views.reply, name="reply"),
    path("notifications/", notice_views.notices, name="notices"),
    path("notifications/bell/", notice_views.bell, name="bell"),
    path("notifications/read/", notice_views.read_all, name="notices_read"),
    path("notifications/wishes/", notice_wish_views.wishes, name="notice_wishes"),
    path("notifications/channels/", channel_views.channels, name="channels"),
    path("notifications/channels/try/", channel_views.try_now, name="channel_try"),
    path("notifications/channels/test/", channel_views.send_test, name="channel_test"),
    path("notifications/stop/<str:token>/", notice_wish_views.stop, name="notice_stop"),
    path("n/<str:token>/", notice_wish_views.lead, name="notice_link"),
    path("notifications/<int:notice_id>/read/", notice_views.read, name="notice_read"),
    path("rules/", rule_views.rules, name="rules"),
    path("rules/revisions/", rule_views.revisions_list, name="revisions"),
    path("rules/revisions/<int:revision_id>/", rule_views.revision, name="revision"),
    path("rules/read/", rule_views.read_again, name="rules_read"),
    path("rules/change/", change_views.upload, name="policy_upload"),
    path("rules/change/<int:proposal_id>/", change_views.draft, name="policy_draft"),
    path("rules/changes/<uuid:intent_id>/", change_views.show, name="policy_change"),
    path("rules/changes/<uuid:intent_id>/withdraw/", change_views.withdraw, name="policy_withdraw"),
    path("rules/compare/", rule_views.compare, name="compare"),
    path("profile/", profile_views.profile, name="profile"),
    path("deputies/", deputy_views.deputies_page, name="deputies"),
    path("deputies/all/", deputy_views.of_all, name="deputies_of_all"),
    path("deputies/<int:number>/end/", deputy_views.end, name="deputy_end"),
    path("profile/tokens/<int:token_id>/revoke/", profile_views.revoke_token, name="token_revoke"),
]
