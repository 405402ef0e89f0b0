from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        from catalog import subjects
        from control.subjects import register_resolver

        register_resolver(subjects.resolve)
