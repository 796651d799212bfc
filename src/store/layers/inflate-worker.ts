import { answerWork } from '../../util/answer-work.ts'
import { inflateLayer, type InflateJob } from './inflate-layer.ts'

answerWork((job: InflateJob, progress) => inflateLayer(job, progress))
