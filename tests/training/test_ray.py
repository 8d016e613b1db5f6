"""Ray Train's TensorFlow trainer starts our workers: it sets TF_CONFIG, and the rest is as without it."""

import json

import pytest

from keras_attn.training import RunFolder
from tests.tasks.worker_runs import train


@pytest.mark.long
def test_multiworker_ray_trains_with_two_workers(tmp_path):
    pytest.importorskip("ray.train")
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.tensorflow import TensorflowTrainer

    run = tmp_path / "run"

    def work():
        metrics, weights, _ = train(run, {}, {"strategy": "multiworker"})
        told = {"val_loss": metrics["val_loss"], "sum": float(sum(abs(array).sum() for array in weights))}
        (tmp_path / f"{ray.train.get_context().get_world_rank()}.json").write_text(json.dumps(told), "utf-8")

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        trainer = TensorflowTrainer(
            work,
            scaling_config=ScalingConfig(num_workers=2),
            run_config=RunConfig(storage_path=str(tmp_path / "ray")),
        )
        assert trainer.fit().error is None
    finally:
        ray.shutdown()
    chief, other = (json.loads((tmp_path / f"{rank}.json").read_text("utf-8")) for rank in range(2))
    assert chief == other and chief["val_loss"] == RunFolder(run).best_metrics()["val_loss"]
