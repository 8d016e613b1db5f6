"""L6: any SavedModel behind TF Serving's REST API: batches across requests, new versions as they appear, limits, keys.

The server imports no TensorFlow: each version of a model has a process of its own. Nothing here knows a task.
"""

from keras_attn.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Access": "keras_attn.serving.access",
        "Client": "keras_attn.serving.client",
        "KeySettings": "keras_attn.serving.settings",
        "ModelSettings": "keras_attn.serving.settings",
        "ServerLog": "keras_attn.serving.server_log",
        "ServerSettings": "keras_attn.serving.settings",
        "ServingError": "keras_attn.serving.errors",
        "load_settings": "keras_attn.serving.settings",
        "make_app": "keras_attn.serving.app",
        "new_key": "keras_attn.serving.access",
        "ray_application": "keras_attn.serving.ray_deployment",
        "run_server": "keras_attn.serving.server",
        "write_configurations": "keras_attn.serving.configurations",
    },
)
