/** Right requests to every route, to be made wrong. */
import { atWorkHeader, atWorkText } from '@wardround/core/protocol/at-work.ts'
import { type RouteName, routes } from '@wardround/core/protocol/routes.ts'
import {
  finished,
  lossFigure,
  smallPlan,
  survey,
  updateBytes,
} from '../../../../packages/coordinator/src/testing/study.ts'
import { type Recipe, reporting } from './recipe.ts'
import { firstWeights, openTasks, publishedPlanHash, studyIds, trained } from './world.ts'

const anyStudy = [studyIds.published, studyIds.ended, studyIds.blocked, ...studyIds.train, ...studyIds.prepare]
const ofStudies = (rest: Partial<Recipe> = {}): Partial<Recipe>[] =>
  anyStudy.map((study) => ({ params: { study }, ...rest }))
const ofTasks = (tasks: readonly string[], rest: Partial<Recipe>): Partial<Recipe>[] =>
  tasks.map((task) => ({ params: { task }, ...rest }))

const update = (size: number, numExamples?: number): { base64: string } => ({
  base64: updateBytes(trained, new Float32Array(7).fill(size), numExamples).toBase64(),
})
const whole = { offset: 0, sizeBytes: '$size', sha256: '$digest' }
const grant = {
  version: 1,
  study: studyIds.published,
  planHash: publishedPlanHash,
  site: 'a',
  decision: 'approved',
  decidedAt: 1,
}

const examples: Readonly<Record<RouteName, readonly Partial<Recipe>[]>> = {
  health: [{}],
  metrics: [{}],
  join: [{ body: { json: { site: 'new', secret: '$secret', publicKey: '$key', version: '0.1.0' } } }],
  leave: [{ body: { json: {} } }],
  offers: [{}],
  decide: [
    { body: { signed: grant, purpose: 'wardround-grant-v1' } },
    { body: { signed: { ...grant, decision: 'refused', reason: 'no' }, purpose: 'wardround-grant-v1' } },
  ],
  nextTask: [
    {},
    { query: { wait: 1 } },
    { headers: { [atWorkHeader]: atWorkText({ room: 1, tasks: openTasks.train }) } },
    { query: { wait: 1 }, headers: { [atWorkHeader]: atWorkText({ room: 0, tasks: ['nothing'] }) } },
  ],
  blob: [{ params: { sha256: '$weights' } }, { params: { sha256: '$weights' }, headers: { range: 'bytes=8-' } }],
  uploadState: ofTasks(openTasks.train, {}),
  upload: [
    ...ofTasks(openTasks.train, { query: whole, body: update(0.5) }),
    ...ofTasks(openTasks.train, {
      query: { ...whole, wait: 1 },
      body: update(0.25),
      headers: { [atWorkHeader]: atWorkText({ room: 1, tasks: openTasks.finish }) },
    }),
    ...ofTasks(openTasks.train, { query: { ...whole, wait: 1 }, body: update(1e6, 1) }),
    ...ofTasks(openTasks.train, { query: { ...whole, sizeBytes: 300 }, body: update(1) }),
  ],
  report: [
    ...ofTasks(openTasks.prepare, { body: reporting({ kind: 'prepare', survey: survey() }) }),
    ...ofTasks(openTasks.evaluate, { body: reporting({ kind: 'evaluate', on: 'training', figure: lossFigure(0.5) }) }),
    ...ofTasks(openTasks.finish, { body: reporting(finished()), query: { wait: 1 } }),
    ...ofTasks([...openTasks.train, ...openTasks.finish], {
      body: reporting({ kind: 'failed', code: 'WR_DISK', parameters: { path: 'x', n: 1 }, refused: false }),
    }),
  ],
  progress: ofTasks(openTasks.train, { body: { json: { done: 0.5 } } }),
  createToken: [{ body: { json: { site: 'other', validForMs: 1000 } } }, { body: { json: { site: 'gone' } } }],
  sites: [{}],
  removeSite: [{ params: { site: 'z' } }, { params: { site: 'gone' } }],
  publish: [
    { body: { json: { plan: smallPlan({ name: 'fresh' }) } } },
    { body: { json: { plan: smallPlan({ name: 'robust', strategy: { trimmedMean: {} } }) } } },
  ],
  giveWeights: [
    ...ofStudies({ query: { offset: 0, sizeBytes: '$size' }, body: { text: 'study.json' } }),
    {
      params: { study: studyIds.imported },
      query: { offset: 0, sizeBytes: '$size' },
      body: { base64: firstWeights.toBase64() },
    },
  ],
  studies: [{}],
  study: ofStudies(),
  start: [
    ...ofStudies({ body: { json: {} } }),
    { params: { study: studyIds.published }, body: { json: { sites: ['a'] } } },
  ],
  stop: ofStudies({ body: { json: {} } }),
  results: ofStudies(),
  model: [...ofStudies({ query: { format: 'onnx' } }), ...ofStudies({ query: { format: 'safetensors' } })],
  exportStudy: ofStudies(),
  importStudy: [
    { params: { sha256: '$digest' }, query: { offset: 0, sizeBytes: '$size' }, body: { text: 'study.json' } },
    { params: { sha256: '0'.repeat(64) }, query: { offset: 0, sizeBytes: 600 }, body: { text: 'study.json' } },
  ],
  weights: ofStudies(),
  events: [{ query: { after: 0 } }, { query: { after: 5, study: studyIds.ended, wait: 1 } }],
  eventStream: [
    { query: { after: 0 } },
    { query: { after: 0, study: studyIds.ended }, headers: { 'last-event-id': '3' } },
  ],
  audit: [{ query: { after: 0, limit: 10 } }],
}

const rightly = { anybody: 'nobody', site: 'a', account: 'account' } as const

export const examplesOf = (name: RouteName): readonly Recipe[] =>
  examples[name].map((given) => ({ as: rightly[routes[name].by], params: {}, query: {}, headers: {}, ...given }))
