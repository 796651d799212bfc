import assert from 'node:assert/strict'
import { test } from 'node:test'
import { containerCreateFields } from '../types/container-create.ts'
import { readFields } from './wire-fields.ts'

const read = (text: string): unknown => readFields(JSON.parse(text), containerCreateFields)

test('fields are taken by name in any case, null is nothing, other fields are passed over', () => {
  assert.deepEqual(read('{"image":"a","Tty":null,"Foo":5,"Cmd":"ls","HostConfig":{"binds":["/a:/b"]}}'), {
    Image: 'a',
    Cmd: ['ls'],
    HostConfig: { Binds: ['/a:/b'] },
  })
})

test('null is an object without fields', () => {
  assert.deepEqual(read('null'), {})
})

test('null within lists and maps is the zero value of what belongs there', () => {
  assert.deepEqual(read('{"Labels":{"a":null},"HostConfig":{"PortBindings":{"80/tcp":null}}}'), {
    Labels: { a: '' },
    HostConfig: { PortBindings: { '80/tcp': [] } },
  })
})

test('a field of a wrong type is named in the words of Go', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{"Tty":5}', 'number into Go struct field .Tty of type bool'],
    ['{"HostConfig":{"Memory":1.5}}', 'number 1.5 into Go struct field .HostConfig.Memory of type int64'],
    [
      '{"HostConfig":{"Memory":1e400}}',
      'number Infinity into Go struct field .HostConfig.Memory of type int64',
    ],
    ['{"HostConfig":{"Memory":9223372036854775808}}', 'of type int64'],
    ['{"Env":"A=1"}', 'string into Go struct field .Env of type []string'],
    ['[]', 'array into Go value of type struct'],
  ]
  for (const [text, reason] of cases) {
    assert.throws(
      () => read(text),
      (error: Error) =>
        error.message.startsWith('invalid JSON: json: cannot unmarshal ') && error.message.endsWith(reason),
      text,
    )
  }
})

test('keys of prototypes are keys like any other (C-A4)', () => {
  const body = read('{"__proto__":{"Image":"x"},"Labels":{"__proto__":"a"},"constructor":1}') as {
    readonly Image?: string
    readonly Labels: object
  }
  assert.equal(body.Image, undefined)
  assert.deepEqual(Object.entries(body.Labels), [['__proto__', 'a']])
  assert.equal(Object.getPrototypeOf(body), Object.prototype)
})
