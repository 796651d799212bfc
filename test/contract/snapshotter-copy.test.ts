import { snapshotterContract } from './snapshotter.ts'

snapshotterContract('copy')
