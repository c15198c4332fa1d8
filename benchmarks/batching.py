"""What do calls gain by having their frames drawn together?

Measured: the `lite` network on OpenVINO, one core, at several batch sizes in turn, as processor time for a frame. The
shipped file takes one frame at a time; its shapes are loosened for this, nothing else. Simulated: calls of 30 frames a
second at even but unrelated moments, the rule of `avatar.timing.batching`, and the times measured: how long frames wait
for their batch to begin, up to 80 % of what the network can draw.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from avatar.generator.network_files import network_files
from avatar.timing.batching import Arrivals, ServiceTimes, Start, Wait, next_batch
from benchmarks import report

SIZES: Final = (1, 2, 4, 8)
ROUNDS: Final = 40
FPS: Final = 30
SIMULATED_S: Final = 20.0
LOAD: Final = 0.8
MOST_CALLS: Final = 64
GOLDEN: Final = 0.618034
"""Of its multiples the fractions are spread as evenly as can be, and no two calls come together."""
BARS: Final = {"waiting_ms_p95": "<= 8", "batch_gain": ">= 1.3"}


class DrawnFrame(NamedTuple):
    """One frame of a simulation, seconds."""

    waited_s: float
    """For its batch to begin."""
    took_s: float
    """Its batch."""


def simulate(calls: int, seconds: float, takes_s: Callable[[int], float]) -> list[float]:
    """Return how long each frame waited for its batch to begin, seconds; `takes_s` tells a batch's time by its size."""
    return [frame.waited_s for frame in simulate_frames(calls, seconds, takes_s)]


def simulate_frames(calls: int, seconds: float, takes_s: Callable[[int], float]) -> list[DrawnFrame]:
    """Return what became of each frame whose batch has begun."""
    arrivals, service, drawn = Arrivals(), ServiceTimes(), list[DrawnFrame]()
    coming = [((call * GOLDEN) % 1 / FPS, call) for call in range(calls)]
    heapq.heapify(coming)
    waiting: list[tuple[float, int]] = []
    now_s = free_s = 0.0
    while now_s < seconds:
        while coming[0][0] <= now_s:
            at_s, call = heapq.heappop(coming)
            waiting.append((at_s, call))
            arrivals.arrived(call, at_s)
            heapq.heappush(coming, (at_s + 1 / FPS, call))
        if now_s < free_s:
            now_s = min(free_s, coming[0][0])
            continue
        expected = arrivals.expected([call for _, call in waiting])
        decided = next_batch([at_s for at_s, _ in waiting], expected, now_s, service)
        if isinstance(decided, Start):
            begun, waiting = waiting[: decided.count], waiting[decided.count :]
            took_s = takes_s(len(begun))
            drawn += [DrawnFrame(now_s - at_s, took_s) for at_s, _ in begun]
            service.took(len(begun), took_s)
            free_s = now_s + took_s
        following_s = decided.until_s if isinstance(decided, Wait) else coming[0][0]
        now_s = max(now_s + 1e-6, min(following_s, coming[0][0]))
    return drawn


def measure_ms() -> dict[int, float]:
    """Return the processor time that the network takes for a batch, milliseconds, by its size."""
    requests = {size: _compiled(size).create_infer_request() for size in SIZES}
    for request in requests.values():
        for port in request.model_inputs:
            numbers = request.get_tensor(port).data
            numbers[:] = 0 if numbers.dtype == np.uint8 else 0.1
    best = dict.fromkeys(SIZES, float("inf"))
    for _ in range(ROUNDS):
        for size, request in requests.items():
            began_s = time.process_time()
            request.infer(share_outputs=True)
            best[size] = min(best[size], (time.process_time() - began_s) * 1000)
    return best


def _compiled(size: int) -> Any:
    """Return the 8-bit network for batches of a size: every shape that names one frame takes any number."""
    import openvino  # noqa: PLC0415 - 150 ms
    from openvino import opset13  # noqa: PLC0415

    core = openvino.Core()
    model = core.read_model(str(network_files("lite").decoder_int8))
    for operation in model.get_ops():
        if operation.get_type_name() != "Reshape":
            continue
        data, wanted = (operation.input_value(number).get_node() for number in (0, 1))
        if data.get_type_name() == "Constant" or wanted.get_type_name() != "Constant":
            continue  # a weight, or a shape that follows its input anyway
        shape = np.array(wanted.data)
        if len(shape) > 2 and -1 not in shape:
            shape[0] = -1
            operation.input(1).replace_source_output(opset13.constant(shape).output(0))
    model.reshape({port.any_name: [size, *list(port.shape)[1:]] for port in model.inputs})
    options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    return core.compile_model(model, "CPU", options | {"ENABLE_CPU_PINNING": False})


def calls_at_load(takes_s: Callable[[int], float]) -> int:
    """Return how many calls fill `LOAD` of what the network can draw in its best batches."""
    best = max(size / takes_s(size) for size in SIZES)
    return max(1, min(MOST_CALLS, int(LOAD * best / FPS)))


def between(measured_ms: Mapping[int, float]) -> Callable[[int], float]:
    """Return seconds for a batch of any size: straight lines between those measured, and on beyond the largest."""
    sizes, times = list(measured_ms), [time_ms / 1000 for time_ms in measured_ms.values()]
    slope = (times[-1] - times[-2]) / (sizes[-1] - sizes[-2])

    def takes_s(count: int) -> float:
        return float(np.interp(count, sizes, times)) + max(0, count - sizes[-1]) * slope

    return takes_s


def main() -> None:
    """Run the benchmark."""
    chosen = report.parser(__doc__ or "").parse_args()
    measured_ms = measure_ms()
    report.table(("batch", "ms", "ms a frame"), [(size, took, took / size) for size, took in measured_ms.items()])
    takes_s = between(measured_ms)
    loaded = calls_at_load(takes_s)
    rows, p95_ms = [], 0.0
    for calls in sorted({1, 2, 4, 8, 16, 32, MOST_CALLS, loaded}):
        if calls > loaded:
            continue
        waits_ms = [1000 * wait_s for wait_s in simulate(calls, SIMULATED_S, takes_s)]
        p95_ms = report.p95(waits_ms)
        rows.append((calls, report.median(waits_ms), p95_ms, max(waits_ms)))
    print()
    report.table(("calls", "waiting ms, median", "p95", "longest"), rows)
    figures = {
        "calls_at_load": loaded,
        "waiting_ms_p95": p95_ms,
        "batch_gain": max(size * measured_ms[1] / took for size, took in measured_ms.items()),
    }
    report.finish(figures, BARS, chosen.json)


if __name__ == "__main__":
    main()
