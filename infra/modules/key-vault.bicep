// The vault of the token that Entra sends, of the operator's, and of the key that webhooks are signed with. Each is made
// once and never leaves the vault through an output.

import { tagsByName } from '../types.bicep'

@description('Name of the vault.')
@minLength(3)
@maxLength(24)
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags tagsByName

@description('Name of the secret that holds the token.')
param tokenName string

@description('Value of its first version. Ignored when the secret exists: a later deployment must not lock Entra out.')
@secure()
param token string

@description('Value of the first version of scim-admin-token, the operator\'s. Ignored when the secret exists.')
@secure()
param adminToken string

@description('Value of the first version of scim-webhook-key, of which the secrets of webhooks are made. Ignored when the secret exists.')
@secure()
param webhookKey string

@description('Keep a deleted vault for 90 days whatever anybody does. Once on, it stays on.')
param enablePurgeProtection bool

@description('Bring back the deleted vault of this name, with its token, in place of creating one.')
param recover bool

@description('Refuse every caller that does not come through the private endpoint.')
param isolated bool

@description('IPv4 addresses or ranges that may reach the vault in spite of isolated.')
param adminIpCidrs string[]

@description('Workspace that takes the audit log.')
param workspaceId string

var adminRules = [for cidr in adminIpCidrs: { value: cidr }]

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    createMode: recover ? 'recover' : 'default'
    enableRbacAuthorization: true
    // The service refuses an explicit false once protection is on.
    enablePurgeProtection: enablePurgeProtection ? true : null
    softDeleteRetentionInDays: 90
    publicNetworkAccess: isolated && empty(adminIpCidrs) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isolated ? 'Deny' : 'Allow'
      ipRules: adminRules
    }
  }
}

// Not nested in the vault: the decorator fails on nested resources (Azure/bicep#18603).
@onlyIfNotExists()
resource tokenSecret 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = {
  parent: vault
  name: tokenName
  properties: {
    value: token
    contentType: 'Bearer token for Microsoft Entra provisioning'
  }
}

@onlyIfNotExists()
resource adminTokenSecret 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = {
  parent: vault
  name: 'scim-admin-token'
  properties: {
    value: adminToken
    contentType: 'Bearer token of the operator, who manages tenants'
  }
}

@onlyIfNotExists()
resource webhookKeySecret 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = {
  parent: vault
  name: 'scim-webhook-key'
  properties: {
    value: webhookKey
    contentType: 'Key of which the secrets of webhooks are made'
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}
