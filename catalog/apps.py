from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        from catalog import custom_kinds, subjects
        from control.subjects import register_resolver
        from control.templatetags.portico import register_kind_icons

        register_resolver(subjects.resolve)
        register_kind_icons(custom_kinds.icon_of_kind)
