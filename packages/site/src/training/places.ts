/**
 * A module that another names by its place (`./name.ts`) is there, and is TypeScript. Node would look at every folder above it and at every link on the way: half of what it takes to load a
 * hundred modules. Imported before what it is for (node --import).
 */
import { registerHooks } from 'node:module'

const isPlace = (specifier: string): boolean => /^\.\.?\/.*\.ts$/.test(specifier)

registerHooks({
  resolve(specifier, context, next) {
    const { parentURL } = context
    if (parentURL?.startsWith('file:') !== true || !isPlace(specifier)) return next(specifier, context)
    return { url: new URL(specifier, parentURL).href, format: 'module-typescript', shortCircuit: true }
  },
})
