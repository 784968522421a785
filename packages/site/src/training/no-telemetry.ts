/**
 * ONNX Runtime reports to its maker from version 1.29 on, unless it is told not to before it is loaded. A site dials its coordinator and nobody
 * else. Import this before onnxruntime-node, and in the process's main thread before any worker: what a worker sets in its own
 * `process.env` does not reach native code.
 */
process.env.ORT_DISABLE_TELEMETRY = '1'
