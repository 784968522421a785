/** Steps of a program, at one of which it is killed: by SIGKILL, as by a power switch; nothing of it runs any more. */

export type Steps = {
  /** Does a step, and dies before or after it if that is the point. */
  <T>(name: string, work: () => Promise<T>): Promise<T>
  before(name: string): void
  after(name: string): void
}

export function dying(point: string): Steps {
  const reach = (moment: string): void => {
    if (moment === point) process.kill(process.pid, 'SIGKILL')
  }
  const before = (name: string): void => reach(`before ${name}`)
  const after = (name: string): void => reach(`after ${name}`)
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    before(name)
    const done = await work()
    after(name)
    return done
  }
  return Object.assign(step, { before, after })
}
