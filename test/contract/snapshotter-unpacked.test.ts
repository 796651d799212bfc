import { snapshotterContract } from './snapshotter.ts'

snapshotterContract('unpacked')
