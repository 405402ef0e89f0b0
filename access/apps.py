from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        from access import break_glass, duties, entity_pages, grant_notices, together
        from access.capability import AccessGrant
        from catalog.extensions import Tab, register_action, register_panel, register_tab
        from control import companions
        from control import duties as duties_of_others
        from control.capability import register
        from control.notice_topics import register_topic

        register(AccessGrant())
        register_topic(break_glass.EMERGENCY)
        register_topic(grant_notices.ENDING)
        register_topic(grant_notices.ACCESS)
        duties_of_others.register(duties.of)
        companions.register(together.companions_of)
        register_tab(
            Tab(
                "access",
                "Access",
                "access:entity",
                applies=entity_pages.applies,
                count=entity_pages.live_count,
            )
        )
        register_panel(entity_pages.panel)
        register_action(entity_pages.action)
