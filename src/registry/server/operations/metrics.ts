import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { RegistryEvent, RegistryObserver, SeenRequest } from './observer.ts'

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
/** Seconds: from a manifest in memory to a layer of gigabytes. */
const buckets = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300]

/** Counters in the text format of Prometheus. No label holds a name that a client chose: their number would have no limit. */
export class Metrics implements RegistryObserver {
  readonly contentType: string
  readonly #registry = new Registry()
  readonly #requests = this.#counter('requests_total', 'Requests answered', ['method', 'status'])
  readonly #aborted = this.#counter('requests_aborted_total', 'Requests that broke off')
  readonly #sent = this.#counter('sent_bytes_total', 'Bytes of answers')
  readonly #received = this.#counter('received_bytes_total', 'Bytes of requests')
  readonly #events = this.#counter('events_total', 'Manifests pushed, pulled, deleted, and blobs mounted', [
    'action',
  ])
  readonly #seconds = new Histogram({
    name: 'mille_registry_request_seconds',
    help: 'Time from the first byte of a request to the last one of its answer',
    labelNames: ['method'],
    buckets,
    registers: [this.#registry],
  })
  readonly #notTold = new Gauge({
    name: 'mille_registry_webhook_queue',
    help: 'Events that a webhook has not taken yet',
    registers: [this.#registry],
  })

  constructor() {
    this.contentType = this.#registry.contentType
    collectDefaultMetrics({ register: this.#registry })
  }

  request({ method, status, ms, sent, received, isAborted }: SeenRequest): void {
    const known = methods.has(method) ? method : 'other'
    this.#requests.inc({ method: known, status: String(status) })
    this.#seconds.observe({ method: known }, ms / 1000)
    this.#sent.inc(sent)
    this.#received.inc(received)
    if (isAborted) this.#aborted.inc()
  }

  event({ action }: RegistryEvent): void {
    this.#events.inc({ action })
  }

  /** How many events wait for a webhook. */
  waiting(count: number): void {
    this.#notTold.set(count)
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  #counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    const full = `mille_registry_${name}`
    return new Counter({ name: full, help, labelNames: [...labelNames], registers: [this.#registry] })
  }
}
