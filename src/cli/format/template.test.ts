import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FormatRow } from './go-value.ts'
import { compileTemplate } from './render-template.ts'

const data = {
  Name: 'web',
  Count: 3,
  Tags: ['a', 'b'],
  Config: { Env: ['X=1', 'Y=2'], Labels: { k: 'v' } as Record<string, string>, User: '' },
  Nothing: null,
  Bare: { Labels: null },
}

const cases: readonly (readonly [string, string])[] = [
  ['{{.Name}}', 'web'],
  ['{{ .Name }}-{{.Count}}', 'web-3'],
  ['{{.Tags}} {{.Config.Labels}} {{.Nothing}}', '[a b] map[k:v] <nil>'],
  ['{{json .Config}}', '{"Env":["X=1","Y=2"],"Labels":{"k":"v"},"User":""}'],
  ['{{range .Tags}}<{{.}}>{{end}}', '<a><b>'],
  ['{{range $i, $t := .Tags}}{{$i}}={{$t}};{{end}}', '0=a;1=b;'],
  ['{{range .Nothing}}x{{else}}none{{end}}', 'none'],
  ['{{range .Tags}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', 'a'],
  ['{{range .Tags}}{{if eq . "a"}}{{continue}}{{end}}{{.}}{{end}}', 'b'],
  ['{{if .Config.User}}u{{else if gt .Count 2}}many{{else}}few{{end}}', 'many'],
  ['{{with .Config}}{{index .Env 1}}{{end}}', 'Y=2'],
  ['{{index .Config.Labels "k"}}{{.Config.Labels.k}}', 'vv'],
  ['{{.Config.Labels.other}}', '<no value>'],
  ['{{.Bare.Labels.other}}', '<no value>'],
  ['{{len .Tags}}{{len .Name}}', '23'],
  ['{{join .Tags ", "}}', 'a, b'],
  ['{{.Name | upper | printf "%-5s|"}}', 'WEB  |'],
  ['{{printf "%05d %q %v %x" .Count .Name .Tags 255}}', '00003 "web" [a b] ff'],
  ['{{title "abc def"}} {{lower "ABC"}} {{truncate "abcdef" 3}}{{pad "x" 1 2}}|', 'Abc Def abc abc x  |'],
  ['{{split "a:b" ":"}}', '[a b]'],
  ['{{if and .Name (not .Config.User)}}y{{end}}{{or .Config.User "dflt"}}', 'ydflt'],
  ['a {{- .Name -}} b{{/* gone */}}', 'awebb'],
  ['{{$x := .Name}}{{range .Tags}}{{$x}}{{$.Count}}{{end}}', 'web3web3'],
  ['{{$x := 1}}{{range .Tags}}{{$x = .}}{{end}}{{$x}}', 'b'],
  ['{{(index .Tags 0)}}{{println "x" 1}}', 'ax 1\n'],
  ['{{`raw\\n`}}{{"q\\n"}}', 'raw\\nq\n'],
  ['{{slice .Name 1 2}}{{eq .Name "x" "web"}}{{ne 1 2}}', 'etruetrue'],
]

for (const [source, expected] of cases) {
  test(`template ${source}`, () => {
    assert.equal(compileTemplate(source)(data), expected)
  })
}

const wrong: readonly (readonly [string, RegExp])[] = [
  ['{{.Name', /unclosed action/],
  ['{{.Nam}}', /at <\.Nam>: can't evaluate field Nam, did you mean \.Name\?/],
  ['{{.Config.Envv}}', /at <\.Config\.Envv>: can't evaluate field Envv, did you mean \.Env\?/],
  ['{{nope .Name}}', /function "nope" not defined/],
  ['{{if .Name}}x', /unexpected EOF/],
  ['{{end}}', /unexpected \{\{end\}\}/],
  ['{{index .Tags 9}}', /error calling index: index out of range: 9/],
  ['{{}}', /missing value for command/],
  ['{{.Nothing.Deep}}', /nil pointer evaluating interface \{\}\.Deep/],
  ['{{$y}}', /undefined variable "\$y"/],
]

for (const [source, message] of wrong) {
  test(`bad template ${source}`, () => {
    assert.throws(() => compileTemplate(source)(data), { code: 'CLI_TEMPLATE', message })
  })
}

test('rows print as JSON with sorted, HTML-safe fields', () => {
  assert.equal(
    compileTemplate('{{json .}}')(new FormatRow({ B: '<none>', A: '1' })),
    '{"A":"1","B":"\\u003cnone\\u003e"}',
  )
})
