from django.apps import AppConfig


class ScaffolderConfig(AppConfig):
    name = "scaffolder"
    verbose_name = "Scaffolder"

    def ready(self) -> None:
        from django.core.checks import register as register_check

        from catalog.extensions import register_action
        from control.capability import register
        from scaffolder import checks, entity_pages
        from scaffolder.capability import ScaffolderRun

        register(ScaffolderRun())
        register_action(entity_pages.use_template)
        register_check(checks.packages_of_actions)
