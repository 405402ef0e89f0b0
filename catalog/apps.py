from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        from catalog import custom_kinds, location_notices, per_revision, rule_repositories, subjects
        from catalog.hosts.integrations import IntegrationInvalid, integrations
        from control import tokens
        from control.notice_topics import register_topic
        from control.policy_sources import register_git_reader
        from control.subjects import register_describer, register_person_reader, register_resolver
        from control.templatetags.portico import register_kind_icons

        tokens.read_along(per_revision.NUMBER, per_revision.NUMBER_COLUMN)
        register_resolver(subjects.resolve)
        register_describer(subjects.described)
        register_person_reader(subjects.attributes_of)
        register_topic(location_notices.CATALOGUE)
        register_git_reader(rule_repositories.checked_out)
        register_kind_icons(custom_kinds.icon_of_kind)
        try:
            integrations()
        except IntegrationInvalid as error:
            raise ImproperlyConfigured(str(error)) from error
