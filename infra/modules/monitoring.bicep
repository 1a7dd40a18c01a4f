// Logs and traces: a workspace, and Application Insights that takes only telemetry signed with an Entra token.

import { tagsByName } from '../types.bicep'

@description('Name of the Log Analytics workspace.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Name of the Application Insights component.')
param componentName string

@description('Azure region.')
param location string

@description('Tags.')
param tags tagsByName

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int

@description('Upper limit of ingested logs, in GB a day; -1 sets none. Past it, logs and alerts stop until the next day.')
@minValue(-1)
@maxValue(10000)
param dailyQuotaGb int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: logRetentionDays
    workspaceCapping: {
      dailyQuotaGb: dailyQuotaGb
    }
  }
}

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: componentName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

// The same plots for whoever lives in the portal: *Workbooks* of the component.
resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(component.id, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'SCIM endpoint ${componentName}'
    category: 'workbook'
    sourceId: component.id
    serializedData: string(loadJsonContent('../workbook.json'))
  }
}

@description('Where telemetry goes. Not a secret here: without an Entra token nothing is accepted.')
output connectionString string = component.properties.ConnectionString
