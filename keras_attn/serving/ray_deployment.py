"""The same application on many machines, as a deployment of Ray Serve."""


def ray_application(settings, replicas=1, **options):
    """Makes an application for Ray Serve: replicas of the server, each with models of its own.

    A replica gets requests when its models are loaded, and watches the folders for new versions by itself; the folders
    must be the same for all, such as on a shared disk. Ray holds the socket: of the settings `host`, `port` and TLS
    have no meaning here. Rates are counted by each replica.

    Args:
        settings: The `ServerSettings`.
        replicas: How many; or a pair of the fewest and the most, between which Ray follows the load.
        **options: Of `ray.serve.deployment`, such as `ray_actor_options={"num_cpus": 2}`.

    Returns:
        A Ray Serve application, for `ray.serve.run`.

    Raises:
        ValueError: If Ray is not installed, or there is nothing to serve.
    """
    try:
        from ray import serve
    except ImportError as error:
        raise ValueError(
            f"Ray Serve is not installed: pip install 'keras_attn[ray,serve]'. Received: no module {error.name!r}"
        ) from error
    if not settings.models:
        raise ValueError("There is nothing to serve: name the folder of a model. Received: models=()")
    for model in settings.models:
        model.check_folder()

    def build():
        from keras_attn.serving.app import make_app

        return make_app(settings, wait=True)

    if isinstance(replicas, tuple):
        fewest, most = replicas
        scale = {"autoscaling_config": {"min_replicas": fewest, "max_replicas": most, "target_ongoing_requests": 16}}
    else:
        scale = {"num_replicas": replicas}
    how = {
        "name": "keras_attn",
        "max_ongoing_requests": settings.max_waiting,
        "graceful_shutdown_timeout_s": settings.stop_seconds,
        **scale,
        **options,
    }
    return serve.deployment(**how)(serve.ingress(build)()).bind()
