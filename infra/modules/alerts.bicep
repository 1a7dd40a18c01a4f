// What should wake somebody. Each query returns a row exactly when something is wrong, so one threshold serves all.
// The figures are a start for one Entra tenant; whoever changes one here changes it in docs/deploy.md.

import { tagsByName } from '../types.bicep'

@description('Stem of the names, and what the administrator reads in the mail.')
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags tagsByName

@description('Application Insights component that the queries read.')
param componentName string

@description('Mail addresses that get the alerts.')
param alertEmails string[]

@description('Ask the health URL every 15 minutes from outside.')
param enableAvailabilityTest bool

@description('URL that answers 200 while storage and token are reachable.')
param healthUrl string

// itemCount undoes the sampling. The name of a request is that of its function; a timer's has the result code 0. These
// functions are no client's: a scanner that asks for /.env ends in the last one.
var notClients = '"Deliver", "Health", "Maintenance", "ZAnywhere"'
// Nor do these come from who provisions: operators, and the application that follows what happens.
var application = '"GetAccess", "GetKeys", "ListEvents", "PollSets", "SearchAccess"'
var notScim = '${notClients}, ${application}, "Console", "ConsoleFiles", "DescribeOAuth", "IssueToken", "Manage"'
// Lines of the log that somebody should see: what each is about, and the level from which on it counts, 2 for a warning
// and 3 for an error. A test holds that the code writes each of them.
var remarkable = loadJsonContent('../log-lines.json')
var abouts = join(
  map(remarkable, each => 'message has "${each.line}" and severityLevel >= ${each.level}, "${each.about}"'),
  ', '
)

var rules = [
  {
    name: 'server-errors'
    title: 'SCIM endpoint answers with server errors'
    description: 'Five or more answers of 5xx in 5 minutes. Look at the failures in Application Insights and at the health URL.'
    severity: 1
    window: 'PT5M'
    frequency: 'PT5M'
    dimensions: []
    query: 'requests | where toint(resultCode) >= 500 | summarize answers = sum(itemCount) | where answers >= 5'
  }
  {
    name: 'refused-tokens'
    title: 'SCIM endpoint refuses many tokens'
    description: 'Twenty or more answers of 401 in 5 minutes: somebody guesses tokens, or Entra still sends one that was disabled.'
    severity: 2
    window: 'PT5M'
    frequency: 'PT5M'
    dimensions: []
    query: 'requests | where name !in (${notClients}) and toint(resultCode) == 401 | summarize answers = sum(itemCount) | where answers >= 20'
  }
  {
    name: 'slow-answers'
    title: 'SCIM endpoint is slow'
    description: 'One in twenty answers took more than 5 seconds, over 15 minutes with 20 or more requests.'
    severity: 3
    window: 'PT15M'
    frequency: 'PT15M'
    dimensions: []
    query: 'requests | where toint(resultCode) > 0 | summarize p95 = percentile(duration, 95), answers = sum(itemCount) | where answers >= 20 and p95 > 5000'
  }
  {
    name: 'throttled'
    title: 'Table Storage throttles the SCIM endpoint'
    description: 'Table Storage refused calls as too many (503 ServerBusy) in 3 or more minutes of 15. docs/operations.md, "When storage throttles", says what to do.'
    severity: 3
    window: 'PT15M'
    frequency: 'PT15M'
    dimensions: []
    query: 'traces | where message startswith "Table Storage is busy" | summarize minutes = sum(itemCount) | where minutes >= 3'
  }
  {
    name: 'missing-table'
    title: 'The table of the SCIM endpoint is gone'
    description: 'Somebody deleted the table: every request answers 503. Stop provisioning in Entra at once; docs/operations.md says how to go on.'
    severity: 0
    window: 'PT5M'
    frequency: 'PT5M'
    dimensions: []
    query: 'traces | where message startswith "the table" and message endswith "does not exist" | summarize lines = sum(itemCount) | where lines >= 1'
  }
  {
    name: 'silence'
    title: 'No SCIM request of a tenant for 24 hours, and there were some before'
    description: 'Entra checks the connection before each cycle, about every 40 minutes: look whether the job of that tenant is stopped or in quarantine.'
    severity: 2
    // The longest that a rule may look back. What was refused is nobody's: a scanner may name any tenant.
    window: 'P2D'
    frequency: 'PT1H'
    dimensions: [{ name: 'tenant', operator: 'Include', values: ['*'] }]
    query: 'requests | where name !in (${notScim}) and toint(resultCode) < 400 | extend tenant = tostring(split(url, "/")[3]) | summarize last = max(timestamp) by tenant | where last < ago(24h)'
  }
  {
    name: 'remarkable'
    title: 'SCIM endpoint has something to say'
    description: 'The log has a line about what stands in the dimension, such as vault, credential, timer, feed, rows, webhook or journal. docs/operations.md says what to do.'
    severity: 2
    window: 'PT15M'
    frequency: 'PT15M'
    // One rule, which is what is billed, and a mail for each.
    dimensions: [{ name: 'about', operator: 'Include', values: ['*'] }]
    query: 'traces | where severityLevel >= 2 | extend about = case(${abouts}, "") | where about != ""'
  }
]

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource receivers 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'scim'
    emailReceivers: [
      for (address, i) in alertEmails: {
        name: 'mail-${i}'
        emailAddress: address
        useCommonAlertSchema: true
      }
    ]
  }
}

resource queryRules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: '${name}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: rule.title
      description: rule.description
      severity: rule.severity
      enabled: true
      scopes: [component.id]
      windowSize: rule.window
      evaluationFrequency: rule.frequency
      autoMitigate: true
      // On a new workspace the table does not exist before the first request.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: rule.query
            dimensions: rule.dimensions
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [receivers.id]
      }
    }
  }
]

// One place and 15 minutes: each probe is billed as an execution and wakes a sleeping app.
resource availabilityTest 'Microsoft.Insights/webtests@2022-06-15' = if (enableAvailabilityTest) {
  name: 'health-${name}'
  location: location
  tags: union(tags, { 'hidden-link:${component.id}': 'Resource' })
  kind: 'standard'
  properties: {
    SyntheticMonitorId: 'health-${name}'
    Name: 'health-${name}'
    Enabled: true
    Kind: 'standard'
    Frequency: 900
    Timeout: 30
    RetryEnabled: true
    Locations: [
      {
        Id: 'emea-nl-ams-azr'
      }
    ]
    Request: {
      RequestUrl: healthUrl
      HttpVerb: 'GET'
    }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: 7
    }
  }
}

resource unavailable 'Microsoft.Insights/metricAlerts@2018-03-01' = if (enableAvailabilityTest) {
  name: '${name}-unavailable'
  location: 'global'
  tags: tags
  properties: {
    description: 'The health URL did not answer 200 to a probe from outside.'
    severity: 1
    enabled: true
    scopes: [availabilityTest.id, component.id]
    windowSize: 'PT30M'
    evaluationFrequency: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: availabilityTest.id
      componentId: component.id
      failedLocationCount: 1
    }
    actions: [
      {
        actionGroupId: receivers.id
      }
    ]
  }
}
