import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { splitSpecs } from '@wardround/core/graph/network.ts'
import { plannedInputs } from '@wardround/core/preparation/encoding.ts'
import { dimensionOf } from '@wardround/core/weights.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import { candidates, studyWith } from './choose.ts'
import { dividedAgain } from './division.ts'
import { runStudy } from './federation.ts'
import { rowOf } from './figures.ts'
import { type Image, readImages, splits, usualFolder } from './images.ts'
import { clinics, deal, partitions } from './partition.ts'
import { writeSites } from './prepare.ts'
import { documentOf, studyOf } from './run.ts'

const skip: string | false = existsSync(join(usualFolder(), 'labels.csv'))
  ? false
  : 'SKIPPED: the MRI images are not at ../shared/data/brain_tumor_mri'

const images: readonly Image[] = skip === false ? await readImages(usualFolder()) : []
const folder = mkdtempSync(join(tmpdir(), 'wardround-brain-'))
const trainer = createTrainer()
after(async () => {
  await trainer.close()
  rmSync(folder, { recursive: true })
})

const sizesOf = (model: 'cnn' | 'reference') => {
  const { model: network, data } = studyOf(model)
  return dimensionOf(splitSpecs(network, plannedInputs(data.columns)).shared)
}

test('a round of four clinics is less than a tenth of the reference’s 79 MB; its own model has 3.28 million weights', () => {
  assert.ok(sizesOf('cnn') * 4 * 2 * clinics.length < 7.9e6)
  assert.equal(sizesOf('reference'), 25_600 * 128 + 128 + 128 * 4 + 4)
})

test('images are those of PROVENANCE: so many in each part, so many that leak', { skip }, () => {
  const count = (of: (image: Image) => boolean): number => images.filter(of).length
  assert.equal(images.length, 3264)
  assert.equal(
    count(({ part }) => part.published === 'training'),
    2870,
  )
  assert.equal(
    count(({ part }) => part.published === 'test'),
    394,
  )
  assert.equal(
    count(({ part }) => part.unleaked === 'training'),
    2870 - 83,
  )
  assert.equal(
    count(({ part }) => part.clean === 'training'),
    2420,
  )
  assert.equal(
    count(({ part }) => part.clean === 'test'),
    607,
  )
})

test('each image of a split is at one clinic, nearly equal ones at the same, and the draw is the seed’s', {
  skip,
}, () => {
  for (const split of splits)
    for (const partition of partitions) {
      const dealt = deal(images, { split, partition, seed: 1 })
      const all = [...dealt.values()].flat()
      assert.equal(new Set(all.map(({ image }) => image.index)).size, all.length)
      assert.equal(all.length, images.filter(({ part }) => part[split] !== undefined).length)
      for (const { image, part } of all) assert.equal(part, image.part[split])
      const homes = new Map<string, string>()
      for (const [clinic, own] of dealt)
        for (const { image, part } of own) {
          const key = `${image.group} ${part} ${image.label}`
          assert.equal(homes.get(key) ?? clinic, clinic)
          homes.set(key, clinic)
        }
      assert.deepEqual(deal(images, { split, partition, seed: 1 }), dealt)
      assert.notDeepEqual(deal(images, { split, partition, seed: 2 }), dealt)
    }
})

test('even clinics have a quarter of each class, unlike ones do not; both test a quarter of all', { skip }, () => {
  const shares = (partition: 'iid' | 'dirichlet', part: 'training' | 'test'): number[] =>
    [
      ...Map.groupBy(
        images.filter((image) => image.part.clean === part),
        ({ label }) => label,
      ),
    ].flatMap(([label, all]) =>
      [...deal(images, { split: 'clean', partition, seed: 1 }).values()].map(
        (own) => own.filter(({ image, part: at }) => at === part && image.label === label).length / all.length,
      ),
    )
  const isEven = (share: number): boolean => Math.abs(share - 0.25) < 0.03
  assert.ok(shares('iid', 'training').every(isEven))
  assert.ok(shares('dirichlet', 'test').every(isEven))
  const unlike = shares('dirichlet', 'training')
  // A share of Dir(0.3) of four has the standard deviation √(¼·¾/(1.2 + 1)) = 0.29.
  const deviation = Math.sqrt(unlike.reduce((sum, share) => sum + (share - 0.25) ** 2, 0) / unlike.length)
  assert.ok(deviation > 0.15 && deviation < 0.45, `${deviation}`)
})

test('clinics say where their images are, and count nearly equal ones as one patient where the split is clean', {
  skip,
}, () => {
  const patients = (split: 'published' | 'clean') => {
    writeSites({ images, folder: usualFolder(), form: 'packed' }, folder, { split, partition: 'iid', seed: 1 })
    return clinics.flatMap((clinic) =>
      readFileSync(join(folder, `${clinic}.csv`), 'utf8')
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split(',')[0]),
    )
  }
  assert.equal(new Set(patients('published')).size, 3264)
  assert.equal(
    new Set(patients('clean')).size,
    new Set(images.filter(({ part }) => part.clean).map(({ group }) => group)).size,
  )
})

test('a recipe is chosen by images that every split trains on, a fifth of each class held back with all that is nearly the same', {
  skip,
}, () => {
  const divided = dividedAgain(images, 1)
  const parts = new Map(divided.map(({ index, part }) => [index, part.clean]))
  const before = new Map(images.map((image) => [image.index, image]))
  assert.equal(parts.size, divided.length)
  for (const image of images) {
    const isTrained = splits.every((split) => image.part[split] === 'training')
    assert.equal(parts.has(image.index), isTrained)
  }
  for (const { index, part, ...image } of divided) {
    assert.deepEqual({ ...image, index, part: before.get(index)?.part }, before.get(index))
    assert.deepEqual([part.published, part.unleaked], [undefined, undefined])
  }
  for (const own of Map.groupBy(divided, ({ group }) => group).values())
    assert.equal(new Set(own.map(({ part }) => part.clean)).size, 1)
  for (const own of Map.groupBy(divided, ({ label }) => label).values()) {
    const share = own.filter(({ part }) => part.clean === 'test').length / own.length
    assert.ok(Math.abs(share - 0.2) < 0.03, `${share}`)
  }
  assert.deepEqual(dividedAgain(images, 1), divided)
  assert.notDeepEqual(dividedAgain(images, 2), divided)
})

test('the recipes of study.yaml and study-unlike.yaml are candidates, and each candidate asks for less than a tenth of the reference’s bytes and half as much again of what the first cost', () => {
  const recipes = Object.values(candidates).map(studyWith)
  const { name } = studyOf('cnn')
  for (const model of ['cnn', 'unlike'] as const)
    assert.ok(recipes.some((recipe) => isDeepStrictEqual(recipe, { ...studyOf(model), name })))
  for (const { model, data, training, rounds } of recipes) {
    assert.ok(dimensionOf(splitSpecs(model, plannedInputs(data.columns)).shared) * 4 * 2 * clinics.length < 7.9e6)
    assert.ok((training.epochs ?? Infinity) * rounds.maximum <= 1.5 * 10 * 3)
  }
})

test('a round of a few images, from packed levels and from files, ends in the figures that the example tells', {
  skip,
}, async () => {
  const few = images.filter(({ index }) => index % 7 === 0)
  const signal = new AbortController().signal
  const run = async (form: 'packed' | 'files') => {
    const study = studyOf('cnn')
    const short = { ...study, training: { ...study.training, epochs: 1 }, rounds: { ...study.rounds, maximum: 1 } }
    const asked = { images: few, folder: usualFolder(), form, split: 'published', partition: 'iid', seed: 1 } as const
    return await runStudy(short, { ...asked, pooled: form === 'packed' }, { trainer, signal })
  }
  const results = await run('packed')
  const row = rowOf({ model: 'cnn', split: 'published', partition: 'iid' }, results)
  assert.deepEqual(
    [row.rounds, row.nTrain.length, row.nTest],
    [1, 4, few.filter(({ part }) => part.published === 'test').length],
  )
  assert.ok(row.bytesPerRound > 2 * 4 * 4 * sizesOf('cnn') && row.bytesPerRound < 7.9e6)
  for (const { value, low, high } of Object.values(row.accuracy))
    assert.ok(value !== null && low !== null && high !== null && low <= value && value <= high)
  const document = documentOf({ rows: [row], first: results, seconds: 1 })
  assert.deepEqual([document.outcome, document.rounds, document.sites.length], ['completed', 1, 4])
  const files = await run('files')
  assert.equal(files.overall.centralised, null)
  assert.equal(rowOf({ model: 'cnn', split: 'published', partition: 'iid' }, files).federatedMinusCentralised, null)
  assert.notEqual(files.weightsSha256, results.weightsSha256)
  const known = { value: 0.5, low: 0.4, high: 0.6, n: 10 }
  const own = rowOf({ model: 'cnn', split: 'published', partition: 'iid' }, files, known)
  assert.deepEqual(own.accuracy.centralised, known)
  assert.equal(own.withinTarget, (files.overall.federated.accuracy.value ?? 0) - 0.5 >= -0.02)
})
