/**
 * Java 17 or newer and Maven: where they are, and what Maven resolves and compiles for us. Nothing here names a
 * registry: Maven runs with its defaults.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"

export interface Java {
  /** The `java` program. */
  readonly java: string
  /** The `mvn` program. */
  readonly maven: string
}

const javaMajorMin = 17
const here = import.meta.dirname

/** The runtime version that `java -version` reports: 17 for 17.0.15, 8 for 1.8.0. Undefined when it does not run. */
const majorVersion = (java: string): number | undefined => {
  const { error, status, stderr } = spawnSync(java, ["-version"], { encoding: "utf8" })
  if (error !== undefined || status !== 0) return undefined
  const match = /version "(?:1\.)?(\d+)/.exec(stderr)
  return match?.[1] === undefined ? undefined : Number(match[1])
}

/** Finds Java and Maven, or says in one sentence each what is missing. */
export const find = (): Java | { readonly missing: ReadonlyArray<string> } => {
  const missing: Array<string> = []
  const home = process.env["JAVA_HOME"]
  const candidates = [...(home === undefined ? [] : [join(home, "bin", "java")]), "java"]
  const versions = candidates.map((java) => ({ java, major: majorVersion(java) }))
  const found = versions.find(({ major }) => major !== undefined && major >= javaMajorMin)
  if (found === undefined) {
    const seen = versions.find(({ major }) => major !== undefined)
    const what = seen === undefined ? "none was found" : `${seen.java} is version ${seen.major}`
    missing.push(`Java ${javaMajorMin} or newer (looked in JAVA_HOME and on PATH): ${what}.`)
  }
  if (spawnSync("mvn", ["-v"], { stdio: "ignore" }).status !== 0) missing.push("Maven (looked for mvn on PATH).")
  return found === undefined || missing.length > 0 ? { missing } : { java: found.java, maven: "mvn" }
}

export interface Project {
  /** The folder of the pom.xml, below this one. */
  readonly folder: string
  /** The RocketMQ release that the pom.xml is built against. */
  readonly version: string
}

/**
 * Resolves, and compiles if there is something to compile, one Maven project. Answers its class path: our classes
 * first, then the released jars. Kept in the project's target folder until its pom.xml or a source changes.
 */
export const classPath = (java: Java, project: Project): string => {
  const folder = join(here, project.folder)
  const target = join(folder, "target", project.version)
  const sources = existsSync(join(folder, "src"))
  const stampPath = join(target, "stamp")
  const jarsPath = join(target, "jars")
  const stamp = fingerprint(folder)
  const classes = sources ? [join(target, "classes")] : []
  const known = existsSync(stampPath) && readFileSync(stampPath, "utf8") === stamp
  const resolved = () => readFileSync(jarsPath, "utf8").trim().split(delimiter)
  if (!known || !resolved().every((jar) => existsSync(jar))) {
    mkdirSync(target, { recursive: true })
    const args = [
      "--batch-mode",
      "--quiet",
      "--file",
      join(folder, "pom.xml"),
      `-Drocketmq.version=${project.version}`,
      `-Dmdep.outputFile=${jarsPath}`,
      ...(sources ? ["compile"] : []),
      "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath",
    ]
    const { status, stdout, stderr } = spawnSync(java.maven, args, { encoding: "utf8" })
    if (status !== 0) {
      throw new Error(`Maven failed for ${project.folder} with RocketMQ ${project.version}\n${stdout}\n${stderr}`)
    }
    writeFileSync(stampPath, stamp)
  }
  return [...classes, ...resolved()].join(delimiter)
}

const fingerprint = (folder: string): string => {
  const hash = createHash("sha256").update(readFileSync(join(folder, "pom.xml")))
  const source = join(folder, "src")
  if (existsSync(source)) {
    for (const entry of readdirSync(source, { recursive: true, withFileTypes: true }).toSorted(byPath)) {
      if (entry.isFile()) hash.update(entry.name).update(readFileSync(join(entry.parentPath, entry.name)))
    }
  }
  return hash.digest("hex")
}

const byPath = (a: { parentPath: string; name: string }, b: { parentPath: string; name: string }) =>
  join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1

/** Options of every JVM that we start: quick to be up, and content with a small machine. */
export const smallJvm = (heapMb: number): ReadonlyArray<string> => [
  `-Xms${Math.min(64, heapMb)}m`,
  `-Xmx${heapMb}m`,
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
]
