from django.apps import AppConfig


class ScaffolderConfig(AppConfig):
    name = "scaffolder"
    verbose_name = "Scaffolder"

    def ready(self) -> None:
        from django.core.checks import register as register_check

        from catalog.extensions import register_action
        from control.capability import register
        from control.notice_topics import register_topic
        from scaffolder import checks, entity_pages
        from scaffolder.actions.telling import TOPIC
        from scaffolder.capability import ScaffolderRun
        from scaffolder.run_approval import RunApproval

        register(ScaffolderRun())
        register(RunApproval())
        register_topic(TOPIC)
        register_action(entity_pages.use_template)
        register_check(checks.packages_of_actions)
