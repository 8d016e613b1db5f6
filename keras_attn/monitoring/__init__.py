"""L6: watching a stream of messages: counts in sliding windows, and alerts when a share rises.

The classifier comes in as a function, so that nothing here needs Keras or TensorFlow.
"""

from keras_attn.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Alarm": "keras_attn.monitoring.alarm",
        "AlertFile": "keras_attn.monitoring.outputs",
        "AlertPrinter": "keras_attn.monitoring.outputs",
        "AlertRule": "keras_attn.monitoring.alert_rule",
        "CommandHook": "keras_attn.monitoring.outputs",
        "DeliveryError": "keras_attn.monitoring.outputs",
        "FileLines": "keras_attn.monitoring.line_source",
        "FolderInUseError": "keras_attn.monitoring.watch_folder",
        "Intake": "keras_attn.monitoring.intake",
        "MalformedMessageError": "keras_attn.monitoring.message",
        "Message": "keras_attn.monitoring.message",
        "Outbox": "keras_attn.monitoring.outbox",
        "PipeLines": "keras_attn.monitoring.line_source",
        "ShareTest": "keras_attn.monitoring.share_test",
        "StreamMonitor": "keras_attn.monitoring.stream_monitor",
        "WatchFolder": "keras_attn.monitoring.watch_folder",
        "Webhook": "keras_attn.monitoring.webhook",
        "WindowCounts": "keras_attn.monitoring.window_counts",
        "has_label": "keras_attn.monitoring.window_counts",
        "parse_duration": "keras_attn.monitoring.window_counts",
        "parse_message": "keras_attn.monitoring.message",
        "plot_trend": "keras_attn.monitoring.trend",
        "portion": "keras_attn.monitoring.share_test",
        "share_limit": "keras_attn.monitoring.share_test",
    },
)
