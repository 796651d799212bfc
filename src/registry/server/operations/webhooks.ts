import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { messageOf } from '../../../util/errors.ts'
import { networkReason } from '../../../util/network-reason.ts'
import type { WebhookSettings } from '../../settings/registry-settings.ts'
import type { RegistryEvent, RegistryObserver } from './observer.ts'

/** Events kept for one that does not take them; the oldest go first. */
const mostWaiting = 1000
const attempts = 10
const longestPause = 60_000

export interface WebhookOptions {
  /** One JSON object a line: what could not be told. */
  readonly onLog?: ((line: string) => void) | undefined
  /** First pause between tries, ms; doubles each time; default 500. */
  readonly retryDelay?: number
}

/**
 * Posts each event as JSON to each URL, in order, again while it is not taken. What waits is in memory: a registry that
 * ends tells what it can for `close`'s time and forgets the rest.
 */
export class Webhooks implements RegistryObserver {
  readonly #targets: readonly Target[]

  constructor(settings: readonly WebhookSettings[], options: WebhookOptions = {}) {
    this.#targets = settings.map((one) => new Target(one, options))
  }

  event(event: RegistryEvent): void {
    for (const target of this.#targets) target.add(event)
  }

  get waiting(): number {
    return this.#targets.reduce((sum, { waiting }) => sum + waiting, 0)
  }

  /** Gives what waits `time` ms. */
  async close(time: number = 5000): Promise<void> {
    await Promise.all(this.#targets.map((target) => target.close(time)))
  }
}

class Target {
  readonly #settings: WebhookSettings
  readonly #options: WebhookOptions
  readonly #queue: RegistryEvent[] = []
  // redirects are not followed: headers may hold a secret
  readonly #agent = new Agent({ headersTimeout: 10_000, bodyTimeout: 10_000, connect: { timeout: 10_000 } })
  readonly #closing = new AbortController()
  #sending: Promise<void> | undefined

  constructor(settings: WebhookSettings, options: WebhookOptions) {
    this.#settings = settings
    this.#options = options
  }

  get waiting(): number {
    return this.#queue.length
  }

  add(event: RegistryEvent): void {
    const { actions } = this.#settings
    if (actions !== undefined && !actions.includes(event.action)) return
    if (this.#queue.length >= mostWaiting) this.#drop('too many wait')
    this.#queue.push(event)
    this.#sending ??= this.#sendAll()
  }

  async close(time: number): Promise<void> {
    const limit = setTimeout(() => this.#closing.abort(), time)
    await this.#sending
    clearTimeout(limit)
    await this.#agent.close()
  }

  async #sendAll(): Promise<void> {
    for (;;) {
      const [event] = this.#queue
      if (event === undefined || this.#closing.signal.aborted) break
      const reason = await this.#send(event)
      // it may have been dropped meanwhile
      if (this.#queue[0] !== event) continue
      if (reason === undefined) this.#queue.shift()
      else this.#drop(reason)
    }
    this.#sending = undefined
  }

  /** Undefined once it was taken, else why it was not. */
  async #send(event: RegistryEvent): Promise<string | undefined> {
    const { signal } = this.#closing
    const body = JSON.stringify(event)
    let pause = this.#options.retryDelay ?? 500
    for (let attempt = 1; ; attempt++, pause = Math.min(pause * 2, longestPause)) {
      const reason = await this.#post(body)
      if (reason === undefined || attempt === attempts || signal.aborted) return reason
      await delay(pause, undefined, { signal }).catch(() => {})
    }
  }

  async #post(body: string): Promise<string | undefined> {
    const { url, headers } = this.#settings
    try {
      const answer = await request(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body,
        dispatcher: this.#agent,
        signal: this.#closing.signal,
      })
      await answer.body.dump({ limit: 65_536 })
      const { statusCode } = answer
      return statusCode >= 200 && statusCode < 300 ? undefined : `status ${statusCode}`
    } catch (error) {
      return networkReason(error) || messageOf(error)
    }
  }

  #drop(reason: string): void {
    const event = this.#queue.shift()
    // the URL may hold a token
    const { host } = new URL(this.#settings.url)
    this.#options.onLog?.(
      JSON.stringify({ time: new Date(), event: 'webhook not told', host, id: event?.id, error: reason }),
    )
  }
}
