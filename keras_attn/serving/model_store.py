"""The models of a server: which versions are loaded, which one answers, and new ones as they appear on disk."""

import asyncio

from keras_attn.serving.errors import ServingError, shown
from keras_attn.serving.model_folder import chosen_versions, find_versions, fingerprint
from keras_attn.serving.served_version import ServedVersion


class ModelStore:
    """Loads models, and keeps what is loaded in step with the folders.

    A new version is loaded and warmed up beside the old one. Requests go to it from then on; the old one finishes what
    it began, and its process ends.

    Args:
        settings: The `ServerSettings`.
        watcher: Object with the methods of a `ServedVersion`'s watcher, `loaded(model, version, error)`,
            `unloaded(model, version)` and `failed(what, error)`.
    """

    def __init__(self, settings, watcher):
        self._settings = settings
        self._watcher = watcher
        self._versions = {model.name: {} for model in settings.models}
        self._failed = {}
        self._watching = []
        self._unloading = set()

    @property
    def names(self):
        """Names of the models."""
        return list(self._versions)

    def versions(self, name):
        """Gives the versions of a model that are loaded or were tried.

        Args:
            name: The model's name.

        Returns:
            Dict of number -> `ServedVersion`.

        Raises:
            ServingError: If there is no such model.
        """
        if name not in self._versions:
            raise ServingError(404, f"Could not find any versions of model {shown(name)}", "unknown_model")
        return self._versions[name]

    def labels(self, name):
        """Gives the labels of a model.

        Args:
            name: The model's name.

        Returns:
            Dict of label -> number of a version.
        """
        return next(model.labels for model in self._settings.models if model.name == name)

    def number_of(self, name, label):
        """Gives the number of the version that a label stands for.

        Args:
            name: The model's name.
            label: The label.

        Returns:
            The number.

        Raises:
            ServingError: If the model has no such label.
        """
        labels = self.labels(name)
        if label not in labels:
            raise ServingError(400, f"Unrecognized servable version label: {shown(label)}", "unknown_label")
        return labels[label]

    def find(self, name, number=None, label=None):
        """Finds the version that answers a request.

        Args:
            name: The model's name.
            number: Number of the version; the newest that is loaded when None.
            label: Label of the version, or None.

        Returns:
            The `ServedVersion`.

        Raises:
            ServingError: If there is none.
        """
        if name not in self._versions:
            raise _not_found(f"Latest({name})" if number is None else f"Specific({name}, {number})")
        if label is not None:
            number = self.number_of(name, label)
        loaded = {n: v for n, v in self._versions[name].items() if v.state == "AVAILABLE"}
        if number is None and loaded:
            return loaded[max(loaded)]
        loading = [n for n, v in self._versions[name].items() if v.state == "LOADING" and number in (n, None)]
        if number not in loaded and (loading or not self._versions[name]):  # none yet: the disk was not looked at
            message = f"Model {name} is being loaded: try again later."
            raise ServingError(503, message, "loading", retry_after=1)
        if number not in loaded:
            raise _not_found(f"Latest({name})" if number is None else f"Specific({name}, {number})")
        return loaded[number]

    def is_ready(self):
        """Tells whether each model can answer.

        Returns:
            Whether each has a version that is loaded.
        """
        return all(any(v.state == "AVAILABLE" for v in versions.values()) for versions in self._versions.values())

    def waiting(self, name):
        """Counts the requests that wait for a model.

        Args:
            name: Its name.

        Returns:
            Their number.
        """
        return sum(version.waiting for version in self._versions[name].values())

    def start(self):
        """Begins to load what is on disk, and to watch it."""
        self._watching = [asyncio.create_task(self._watch(model)) for model in self._settings.models]

    async def stop(self):
        """Ends the watching, lets every version finish what it began, and ends the processes."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        versions = [version for of_model in self._versions.values() for version in of_model.values()]
        await asyncio.gather(*(version.unload(self._settings.stop_seconds) for version in versions), *self._unloading)

    async def _watch(self, model):
        while True:
            try:
                await self._reconcile(model)
            except Exception as error:  # a bug must not end the watching
                self._watcher.failed(f"watching {model.name}", error)
            await asyncio.sleep(self._settings.poll_seconds)

    async def _reconcile(self, model):
        """Loads what is new on disk; then lets go of what is no longer wanted."""
        loop = asyncio.get_running_loop()
        on_disk = await loop.run_in_executor(None, find_versions, model.folder)
        wanted, versions = chosen_versions(on_disk, model.versions), self._versions[model.name]
        for number, folder in wanted.items():
            if number in versions and versions[number].state != "END":
                continue
            files = await loop.run_in_executor(None, fingerprint, folder)
            if self._failed.get((model.name, number)) == files:
                continue
            versions[number] = version = ServedVersion(model, number, folder, self._settings, self._watcher)
            await version.load()
            self._failed.pop((model.name, number), None)
            if version.error:
                self._failed[model.name, number] = files
            self._watcher.loaded(model.name, number, version.error)
        usable = [number for number in wanted if versions[number].state == "AVAILABLE"]
        if wanted and len(usable) == len(wanted):  # an old one goes when all that are to replace it are there
            for number in [number for number in versions if number not in wanted]:
                self._failed.pop((model.name, number), None)
                self._let_go(model.name, versions.pop(number))

    def _let_go(self, name, version):
        async def unload():
            await version.unload(self._settings.stop_seconds)
            self._watcher.unloaded(name, version.number)

        task = asyncio.create_task(unload())
        self._unloading.add(task)
        task.add_done_callback(self._unloading.discard)


def _not_found(what):
    return ServingError(404, f"Servable not found for request: {what}", "unknown_version")
