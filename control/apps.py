from django.apps import AppConfig


class ControlConfig(AppConfig):
    name = "control"
    verbose_name = "Control plane"

    def ready(self) -> None:
        from control import policy_change
        from control.capability import register
        from control.subjects import register_resolver

        register(policy_change.PolicyChange())
        register_resolver(policy_change.subject)
