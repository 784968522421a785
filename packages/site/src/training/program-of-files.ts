/** The trainer's process for models from files. What reads them is half as much again to load, and most studies have layers: by itself, and before the process gives up its rights. */
import '@wardround/core/graph/import/planned.ts'
import './program.ts'
