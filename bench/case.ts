import type { Command } from './measure.ts'
import type { Workloads } from './workloads/workloads.ts'

/** A program that is measured: mille, or a peer that takes the same command line. */
export interface Contestant {
  readonly name: 'mille' | 'docker' | 'podman'
  /** The command with these arguments. */
  command(...parameters: readonly string[]): Command
}

/** The least time that the work itself takes on this machine, and what was done to find out. */
export interface Floor {
  readonly seconds: number
  readonly what: string
}

/** Highest ratios to a peer's time, or a time in seconds, that the project promises. */
export interface Target {
  readonly docker?: number
  readonly podman?: number
  readonly seconds?: number
  readonly floor?: number
  /** Seconds more than the floor. */
  readonly above?: number
}

/** One row of the table. Only `command` is timed. */
export interface BenchCase {
  readonly name: string
  readonly title: string
  readonly target: Target
  /** Runs per contestant unless `-n` says otherwise. */
  readonly runs: number
  floor(work: Workloads): Promise<Floor>
  /** Once per contestant. */
  prepare(work: Workloads, contestant: Contestant): Promise<void>
  /** Before each run. */
  before?(work: Workloads, contestant: Contestant): Promise<void>
  command(work: Workloads, contestant: Contestant): Promise<Command>
  /** Once per contestant, at the end, also after a failure. */
  cleanUp?(work: Workloads, contestant: Contestant): Promise<void>
}
