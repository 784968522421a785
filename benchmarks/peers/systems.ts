/** The peers in their two modes each: what is started, with which environment, and where it must write its result. */
import { existsSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { peersWords } from './words.ts'

/** Where one run happens: folders of its own, and an environment without anything of the run before. */
export type Place = {
  /** This folder, benchmarks/peers. */
  readonly here: string
  /** The virtual environment. */
  readonly environment: string
  /** Empty, and short: sockets are made in it. */
  readonly work: string
  /** What fed-heart-disease.ts wrote. */
  readonly data: string
  readonly resultFile: string
  readonly rounds: number
  /** OMP_NUM_THREADS, or 'default'. */
  readonly threads: string
}

export type Launch = {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
}

export type Peer = {
  readonly system: 'Flower' | 'NVFlare'
  readonly mode: 'deployment' | 'simulation'
  /** Seconds: what it needs to start and stop, and for a round, with much room. */
  readonly startLimit: number
  readonly roundLimit: number
  /** Programs that must be installed. */
  readonly needs: readonly string[]
  /** Fixed ports that must be free. */
  readonly ports: readonly number[]
  readonly launch: (place: Place) => Promise<Launch>
}

const flower = (script: string) => async (place: Place) => ({
  program: 'bash',
  args: [join(place.here, 'flower', script)],
  env: { ...pythonEnvironment(place), PEERS_PORT: String(await freePorts(5)) },
})

const nvflare = (mode: 'poc' | 'sim') => async (place: Place) => {
  const workspace = join(place.work, 'nvflare')
  return {
    program: join(place.environment, 'bin', 'python'),
    args: [join(place.here, 'nvflare', 'job.py'), mode, workspace],
    env: { ...pythonEnvironment(place), NVFLARE_POC_WORKSPACE: workspace },
  }
}

export const peers: readonly Peer[] = [
  {
    system: 'Flower',
    mode: 'deployment',
    startLimit: 120,
    roundLimit: 60,
    needs: ['flower-superlink', 'flower-supernode', 'flwr'],
    ports: [],
    launch: flower('deployment.sh'),
  },
  {
    system: 'Flower',
    mode: 'simulation',
    startLimit: 180,
    roundLimit: 10,
    needs: ['flower-superlink', 'flwr', 'ray'],
    ports: [],
    launch: flower('simulation.sh'),
  },
  {
    system: 'NVFlare',
    mode: 'deployment',
    startLimit: 240,
    roundLimit: 20,
    needs: ['nvflare'],
    ports: [8002, 8003],
    launch: nvflare('poc'),
  },
  {
    system: 'NVFlare',
    mode: 'simulation',
    startLimit: 180,
    roundLimit: 20,
    needs: ['nvflare'],
    ports: [],
    launch: nvflare('sim'),
  },
]

/** Why a peer cannot be run here, or undefined. */
export async function obstacle(peer: Peer, environment: string): Promise<string | undefined> {
  if (peer.needs.some((program) => !existsSync(join(environment, 'bin', program))))
    return peersWords.notInstalled(environment)
  const free = await Promise.all(peer.ports.map(isFree))
  return free.every(Boolean) ? undefined : peersWords.portTaken(peer.ports)
}

/** No GPU, no proxy for loopback, no telemetry; a home of its own, since both systems write into the user's. */
function pythonEnvironment({ here, environment, work, data, resultFile, rounds, threads }: Place) {
  const home = join(work, 'home')
  const flowerHome = join(work, 'flwr')
  for (const folder of [home, flowerHome]) mkdirSync(folder, { recursive: true })
  const bin = join(environment, 'bin')
  return {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`,
    HOME: home,
    PYTHONPATH: join(here, 'common'),
    OMP_NUM_THREADS: threads === 'default' ? undefined : threads,
    CUDA_VISIBLE_DEVICES: '',
    NO_PROXY: '127.0.0.1,localhost',
    no_proxy: '127.0.0.1,localhost',
    FLWR_HOME: flowerHome,
    FLWR_TELEMETRY_ENABLED: '0',
    RAY_USAGE_STATS_ENABLED: '0',
    RAY_TMPDIR: work,
    PEERS_BIN: bin,
    PEERS_DATA: data,
    PEERS_RESULT: resultFile,
    PEERS_ROUNDS: String(rounds),
  }
}

/** The first of `count` ports in a row that are free now, below those that the system itself hands out. */
async function freePorts(count: number): Promise<number> {
  for (let first = 17_300; first < 18_300; first += count) {
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)))
    if (free.every(Boolean)) return first
  }
  throw new Error(peersWords.noPorts(count))
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const server = createServer()
  server.once('error', () => resolve(false))
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  return promise
}
