"""Processes that train together over gRPC on this machine, or on logical devices: forks of a server that has imported
TensorFlow already."""

import contextlib
import json
import multiprocessing
import os
import socket
import traceback


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def start_workers(function, count, arguments=(), devices=1):
    """Starts processes that call a function of a module.

    Args:
        function: Called with `*arguments` in each.
        count: Number of workers; of one, TF_CONFIG is not set.
        arguments: A tuple.
        devices: Logical CPU devices of each.

    Returns:
        List of (process, connection from which `result_of` reads).
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["keras_attn.tasks.translation", "keras_attn.training.distribution"])
    ports, started = free_ports(count), []
    for index in range(count):
        cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
        config = {"cluster": cluster, "task": {"type": "worker", "index": index}} if count > 1 else {}
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_call, args=(there, config, devices, function, arguments))
        process.start()
        there.close()
        started.append((process, here))
    return started


def result_of(worker):
    """What the function returned in a worker, within ten minutes."""
    process, connection = worker
    try:
        if not connection.poll(600):
            raise AssertionError("the worker hangs")
        succeeded, result = connection.recv()
    except EOFError:
        process.join()
        raise AssertionError(f"the worker ended with exit code {process.exitcode}") from None
    process.join(60)
    assert succeeded, result
    return result


def run_workers(function, count, arguments=(), devices=1):
    """Calls a function in workers and gives what it returned, a list."""
    started = start_workers(function, count, arguments, devices)
    try:
        return [result_of(worker) for worker in started]
    finally:
        for process, _ in started:
            process.kill()
            process.join()


def _call(connection, config, devices, function, arguments):
    if config:
        os.environ["TF_CONFIG"] = json.dumps(config)
    else:
        os.environ.pop("TF_CONFIG", None)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        import tensorflow as tf

        if devices > 1:
            (cpu,) = tf.config.list_physical_devices("CPU")
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
        answer = True, function(*arguments)
    except BaseException:
        answer = False, traceback.format_exc()
    connection.send(answer)
