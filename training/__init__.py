"""How the networks are trained; nothing of it is in the wheel."""

from avatar.models.telemetry import keep_telemetry_off

keep_telemetry_off()  # here, for modules of this folder import ONNX Runtime at their head
