/**
 * ONNX Runtime reports to its maker from version 1.29 on, unless it is told not to before it is loaded. A site dials its coordinator and nobody
 * else. Import this before onnxruntime-node, in the process's main thread: what a worker sets in its own `process.env` does not reach native code. (A trainer's process is started with it, too.)
 */
process.env.ORT_DISABLE_TELEMETRY = '1'
