import type { FoundRepository } from '../../registry/repository.ts'
import { oneLine } from '../format/one-line.ts'
import type { RowFields } from '../format/print-rows.ts'

export const searchHeaders = {
  Name: 'NAME',
  Description: 'DESCRIPTION',
  StarCount: 'STARS',
  IsOfficial: 'OFFICIAL',
  IsAutomated: 'AUTOMATED',
}

const longest = 45

/** `isJson`: truths are words there, and a mark in tables. */
export function searchRow(found: FoundRepository, isWhole: boolean, isJson: boolean): RowFields {
  const description = oneLine(found.description.replaceAll(/[\r\n]+/g, ' '))
  return {
    Name: found.name,
    Description: isWhole ? description : shorten(description),
    StarCount: String(found.stars),
    IsOfficial: isJson ? String(found.isOfficial) : found.isOfficial ? '[OK]' : '',
    IsAutomated: isJson ? 'false' : '',
  }
}

/** By characters as people count them. */
function shorten(text: string): string {
  const characters = [...text]
  return characters.length <= longest ? text : `${characters.slice(0, longest - 1).join('')}…`
}
