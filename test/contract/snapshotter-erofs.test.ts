import { snapshotterContract } from './snapshotter.ts'

snapshotterContract('erofs')
