"""The benchmarks run in small, and end in the JSON object that they promise."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
TOKEN_CACHE_KEYS = {"pairs", "tokens", "tokenized_per_second", "pairs_per_second", "cache_gb"}
TOKEN_CACHE_KEYS |= {"memory_before_gb", "memory_after_gb", "growth_gb"}


def run(script, *arguments):
    command = [sys.executable, str(BENCHMARKS / script), *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stdout


def has_gpu():
    try:
        import jax
    except ImportError:
        return False
    return jax.devices()[0].platform == "gpu"


def test_without_a_gpu_its_benchmark_says_so():
    if has_gpu():
        pytest.skip("there is one")
    results, output = run("gpu.py")
    assert results == {"device": None}
    assert "No GPU" in output


@pytest.mark.long
@pytest.mark.parametrize(
    "script, keys",
    [
        ("token_cache.py", TOKEN_CACHE_KEYS),
        ("attention.py", {"full_8192", "full_8192_bfloat16", "short", "window"}),
        ("training_step.py", {"float32", "bfloat16", "vs_torch_best"}),
        ("scaling.py", {"1", "2"}),
        ("gpu.py", {"device", "base", "attention_256"}),
        ("monitoring.py", {"speed", "latency", "false_alarms", "delay"}),
        (
            "serving.py",
            {"throughput_vs_unbatched", "requests_per_second", "requests_per_second_unbatched", "p50_ms", "p99_ms"}
            | {"direct_ms", "served_ms", "added_latency_ms"}
            | {"direct_cpu_ms", "server_cpu_ms", "model_cpu_ms", "client_cpu_ms"},
        ),
    ],
)
def test_small_benchmarks_give_their_keys(script, keys):
    results, _ = run(script, "--quick")
    assert set(results) == keys


@pytest.mark.long
def test_the_gain_of_pretraining_in_small(data_folder):
    results, output = run("pretraining_gain.py", "--quick", "--sets", "sst2")
    found = results["sst2"]
    assert found["gain"] == pytest.approx(found["pretrained_mean"] - found["random_mean"], abs=0.01)
    assert len(found["random"]) == 1 and set(found["baseline"]) == {"svm", "naive bayes"}
    assert f"| sst2 | **gain** | | **{found['gain']}** |" in output


@pytest.mark.long
def test_the_figures_of_signals_in_small(data_folder):
    results, output = run("signals.py", "--quick")
    (accuracy,) = results["GunPoint"]["accuracy"]
    assert set(results) == {"GunPoint"} and 40 < accuracy == results["GunPoint"]["mean"]
    assert f"| GunPoint |  | 1 | 50 | 150 | {accuracy} | " in output


@pytest.mark.long
def test_the_figures_of_etth1_in_small(data_folder):
    results, output = run("forecasting_etth1.py", "--quick")
    assert set(results) == {"96,24"} and results["96,24"]["mean"] < 0.4
    assert "| 96 | 24 | 1 | " in output


@pytest.mark.long
def test_the_rehearsals_of_intervals_in_small(data_folder):
    results, output = run("forecasting_intervals.py", "--quick")
    assert set(results) == {"96,24,validation", "96,24,task"}
    assert all(figures["off"] < 10.0 and figures["quantile_loss"] < 1.0 for figures in results.values())
    assert "| 96,24 | 0, 4320, 1440 | " in output
