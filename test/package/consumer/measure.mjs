// What the embedded cluster costs a test file: loading it, the first start of a process, a later one, a reset, an end.
const startedAt = performance.now()
const { startCluster } = await import("gantry-mq/embedded")
const times = [performance.now() - startedAt]

/** @param {() => Promise<unknown>} run */
const measure = async (run) => {
  const from = performance.now()
  await run()
  times.push(performance.now() - from)
}

/** @type {import("gantry-mq/embedded").EmbeddedCluster[]} */
const clusters = []
await measure(async () => clusters.push(await startCluster()))
await measure(async () => clusters.push(await startCluster()))
await measure(() => clusters[0].reset())
await measure(() => Promise.all(clusters.map((cluster) => cluster.close())))
console.log(JSON.stringify(times.map((ms) => Math.round(ms * 10) / 10)))
