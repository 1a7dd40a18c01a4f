// Asks for the credential, in fields that a password manager fills.
import { Component, html, Rich } from './parts.js'
import { texts } from './texts.js'

const words = texts.signIn

export class SignIn extends Component {
  enter = (event) => {
    event.preventDefault()
    const token = String(new FormData(event.target).get('password')).trim()
    const wrong = !token ? words.empty : /[^\x21-\x7e]/.test(token) ? words.odd : ''
    this.setState({ wrong })
    if (!wrong) this.props.enter(token)
  }

  render({ told, busy }, { wrong }) {
    const remark = wrong || (busy ? '' : told)
    return html`<main id="content" class="signin">
      <form onSubmit=${this.enter} method="post" action="console">
        <h1>${words.heading}</h1>
        <p class="muted">${words.lead}</p>
        <label>${words.name}
          <input name="username" autocomplete="username" value="operator" aria-describedby="name-hint" spellcheck=${false} autocapitalize="none" />
        </label>
        <small id="name-hint">${words.nameHint}</small>
        <label>${words.credential}
          <input name="password" type="password" autocomplete="current-password" required autofocus
            aria-describedby="credential-hint" aria-invalid=${remark ? 'true' : undefined} />
        </label>
        <small id="credential-hint">${words.credentialHint}</small>
        <p role="alert" class="remark">${remark}</p>
        <button type="submit" aria-busy=${busy ? 'true' : 'false'}>${words.enter}</button>
        <details><summary>${words.where}</summary>
          <p><${Rich} text=${words.whereAzure} /></p><p><${Rich} text=${words.whereLocal} /></p></details>
      </form></main>`
  }
}
