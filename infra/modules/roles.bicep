// Every role, in one place: who may do what on which resource. Nothing here is wider than the resource named in scope.
// Names are made from resource ids, since a principal id is not known before the deployment runs.

@description('Identity of the app.')
@minLength(3)
@maxLength(128)
param identityName string

@description('Account of the Functions host.')
@minLength(3)
@maxLength(24)
param hostAccountName string

@description('Account of the directory.')
@minLength(3)
@maxLength(24)
param dataAccountName string

@description('Vault of the token.')
@minLength(3)
@maxLength(24)
param vaultName string

@description('Application Insights component.')
param componentName string

@description('Object id of the administrator who reads and rotates the token.')
param adminPrincipalId string

@description('Object ids of those who read the directory from a desk, to verify and to export it.')
param dataReaderPrincipalIds string[]

@description('Object id of who also writes it from a desk, to import and to repair it; empty for nobody.')
param dataAdminPrincipalId string

var roleIds = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageTableDataReader: '76199698-9eea-4c19-bc75-cec21354c6b6'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  keyVaultSecretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource hostAccount 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostAccountName
}

resource dataAccount 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: dataAccountName
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource appOwnsHostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hostAccount
  name: guid(hostAccount.id, identity.id, roleIds.storageBlobDataOwner)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.storageBlobDataOwner)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'The package, the host keys and the lease of the timer.'
  }
}

resource appWritesHostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hostAccount
  name: guid(hostAccount.id, identity.id, roleIds.storageTableDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleIds.storageTableDataContributor
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'Diagnostic events of the Functions host.'
  }
}

resource appWritesDirectory 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: dataAccount
  name: guid(dataAccount.id, identity.id, roleIds.storageTableDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleIds.storageTableDataContributor
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'Users, groups and memberships.'
  }
}

resource appSendsHints 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: dataAccount
  name: guid(dataAccount.id, identity.id, roleIds.storageQueueDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleIds.storageQueueDataContributor
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'Hints that wake who delivers to webhooks.'
  }
}

resource appReadsToken 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, identity.id, roleIds.keyVaultSecretsUser)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.keyVaultSecretsUser)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'The versions of scim-token, scim-admin-token and scim-webhook-key.'
  }
}

resource appSendsTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: component
  name: guid(component.id, identity.id, roleIds.monitoringMetricsPublisher)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleIds.monitoringMetricsPublisher
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'Telemetry with an Entra token.'
  }
}

resource adminRotatesToken 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, adminPrincipalId, roleIds.keyVaultSecretsOfficer)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.keyVaultSecretsOfficer)
    // Without its kind, which Azure then looks up: nothing tells a guest from a pipeline, and a wrong kind is refused.
    principalId: adminPrincipalId
    description: 'Reads the token for Entra and rotates it.'
  }
}

resource readersReadDirectory 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in dataReaderPrincipalIds: {
    scope: dataAccount
    name: guid(dataAccount.id, principalId, roleIds.storageTableDataReader)
    properties: {
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        roleIds.storageTableDataReader
      )
      principalId: principalId
      description: 'Verifies and exports the directory from a desk.'
    }
  }
]

resource adminWritesDirectory 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(dataAdminPrincipalId)) {
  scope: dataAccount
  name: guid(dataAccount.id, dataAdminPrincipalId, roleIds.storageTableDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleIds.storageTableDataContributor
    )
    principalId: dataAdminPrincipalId
    description: 'Imports and repairs the directory from a desk.'
  }
}
