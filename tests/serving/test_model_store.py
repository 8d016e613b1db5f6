"""Which versions are loaded and which one answers; the versions themselves are stand-ins without a process."""

import asyncio

import pytest

from keras_attn.serving import ModelSettings, ServerSettings, ServingError
from keras_attn.serving import model_store as module
from keras_attn.serving.model_store import ModelStore


class Version:
    """Loads at once; the content "bad" of its file cannot be loaded."""

    made = []

    def __init__(self, model, number, folder, settings, watcher):
        self.number, self.folder, self.state, self.error, self.waiting = number, folder, "START", "", 0
        self.made.append(number)

    async def load(self):
        bad = (self.folder / "saved_model.pb").read_text() == "bad"
        self.state, self.error = ("END", "damaged") if bad else ("AVAILABLE", "")

    async def unload(self, seconds):
        self.state = "END"


class Watcher:
    def __init__(self):
        self.seen = []

    def loaded(self, model, version, error):
        self.seen.append(("loaded", version, error))

    def unloaded(self, model, version):
        self.seen.append(("unloaded", version))

    def failed(self, what, error):
        self.seen.append(("failed", type(error)))


def write(folder, version, content="good"):
    (folder / str(version)).mkdir(parents=True, exist_ok=True)
    (folder / str(version) / "saved_model.pb").write_text(content)


def with_store(tmp_path, check, **model):
    """Run a check, a coroutine function of the store, its watcher and a function that lets it look at the disk."""

    async def run():
        watcher = Watcher()
        settings = ServerSettings([ModelSettings(str(tmp_path), "m", **model)], poll_seconds=0.01)
        store = ModelStore(settings, watcher)
        rounds, reconcile = [0], store._reconcile

        async def counted(model):
            try:
                await reconcile(model)
            finally:
                rounds[0] += 1

        async def look():
            """Wait until it has looked at the disk twice, unless it is still loading."""
            enough = rounds[0] + 2
            while rounds[0] < enough and all(v.state != "LOADING" for v in store.versions("m").values()):
                await asyncio.sleep(0.005)

        store._reconcile = counted
        store.start()
        await look()
        await check(store, watcher, look)
        await store.stop()
        return watcher.seen

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch):
    Version.made = []
    monkeypatch.setattr(module, "ServedVersion", Version)


def test_a_new_version_takes_over(tmp_path):
    write(tmp_path, 1)

    async def check(store, watcher, look):
        assert store.is_ready() and store.find("m").number == 1
        old = store.find("m")
        write(tmp_path, 3)
        await look()
        assert store.find("m").number == 3 and old.state == "END" and list(store.versions("m")) == [3]
        with pytest.raises(ServingError, match=r"Specific\(m, 1\)"):
            store.find("m", 1)

    assert with_store(tmp_path, check) == [("loaded", 1, ""), ("loaded", 3, ""), ("unloaded", 1)]


def test_a_damaged_version_changes_nothing_until_it_is_mended(tmp_path):
    write(tmp_path, 1)

    async def check(store, watcher, look):
        write(tmp_path, 2, "bad")
        await look()
        assert store.find("m").number == 1 and store.versions("m")[2].error == "damaged"
        tried = Version.made.count(2)
        await look()
        assert Version.made.count(2) == tried  # it is not tried again and again
        write(tmp_path, 2)
        await look()
        assert store.find("m").number == 2 and list(store.versions("m")) == [2]

    with_store(tmp_path, check)


def test_nothing_is_unloaded_because_the_disk_is_away(tmp_path):
    write(tmp_path, 1)

    async def check(store, watcher, look):
        tmp_path.rename(tmp_path.with_name("away"))
        await look()
        assert store.find("m").number == 1

    with_store(tmp_path, check)


def test_chosen_versions_and_labels(tmp_path):
    for version in (1, 2, 3):
        write(tmp_path, version)

    async def check(store, watcher, look):
        assert sorted(store.versions("m")) == [1, 3] and store.find("m").number == 3
        assert store.find("m", 1).number == store.find("m", None, "stable").number == 1
        with pytest.raises(ServingError, match="canary"):
            store.find("m", None, "canary")
        with pytest.raises(ServingError, match="Specific"):
            store.find("m", None, "missing")

    with_store(tmp_path, check, versions=(1, 3), labels={"stable": 1, "missing": 7})


def test_all_versions(tmp_path):
    write(tmp_path, 1)
    write(tmp_path, 2)

    async def check(store, watcher, look):
        assert sorted(store.versions("m")) == [1, 2]
        with pytest.raises(ServingError, match="nobody"):
            store.versions("nobody")
        with pytest.raises(ServingError, match=r"Latest\(nobody\)"):
            store.find("nobody")

    with_store(tmp_path, check, versions="all")


def test_an_older_version_that_failed_comes_back(tmp_path):
    write(tmp_path, 1, "bad")

    async def check(store, watcher, look):
        write(tmp_path, 2)
        await look()
        assert store.find("m").number == 2 and list(store.versions("m")) == [2]
        (tmp_path / "2" / "saved_model.pb").unlink()
        await look()
        assert store.find("m").number == 2 and store.versions("m")[1].error == "damaged"
        assert Version.made.count(1) == 2  # once more, and not at each look

    assert not [event for event in with_store(tmp_path, check) if event[0] == "failed"]


def test_before_the_first_look_a_model_is_being_loaded(tmp_path):
    store = ModelStore(ServerSettings([ModelSettings(str(tmp_path), "m")]), Watcher())
    with pytest.raises(ServingError, match="being loaded") as raised:
        store.find("m")
    assert raised.value.status == 503 and raised.value.retry_after


def test_while_loading(tmp_path, monkeypatch):
    write(tmp_path, 1)

    async def never(self):
        self.state = "LOADING"
        await asyncio.sleep(60)

    monkeypatch.setattr(Version, "load", never)

    async def check(store, watcher, look):
        assert not store.is_ready()
        with pytest.raises(ServingError, match="being loaded") as raised:
            store.find("m")
        assert raised.value.status == 503 and raised.value.retry_after

    with_store(tmp_path, check)


def test_a_bug_does_not_end_the_watching(tmp_path, monkeypatch):
    write(tmp_path, 1)

    async def check(store, watcher, look):
        with monkeypatch.context() as broken:
            broken.setattr(module, "find_versions", lambda folder: 1 / 0)
            await look()
        assert ("failed", ZeroDivisionError) in watcher.seen
        write(tmp_path, 2)
        await look()
        assert store.find("m").number == 2

    with_store(tmp_path, check)
