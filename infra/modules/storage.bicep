// Two accounts without shared keys: the host account holds the package and the host's leases, the data account
// holds the directory. Apart, each has its own throughput, firewall and lock.

import { tagsByName } from '../types.bicep'

@description('Account of the Functions host.')
@minLength(3)
@maxLength(24)
param hostAccountName string

@description('Account of the directory.')
@minLength(3)
@maxLength(24)
param dataAccountName string

@description('Azure region.')
param location string

@description('Tags.')
param tags tagsByName

@description('Replication of both accounts.')
@allowed(['Standard_LRS', 'Standard_ZRS'])
param sku string

@description('Container into which the deployment writes the package.')
@minLength(3)
@maxLength(63)
param packageContainerName string

@description('Table of the directory, as the app setting SCIM_TENANT names it.')
@minLength(3)
@maxLength(63)
param tableName string

@description('Refuse every caller that does not come through a private endpoint.')
param isolated bool

@description('IPv4 addresses or ranges that may reach the data account in spite of isolated.')
param adminIpCidrs string[]

@description('Forbid the deletion of the data account, since a deleted table cannot be brought back.')
param enableResourceLock bool

@description('Log each write to and each deletion from the tables.')
param logTableWrites bool

@description('Workspace that takes those logs.')
param workspaceId string

var adminRules = [for cidr in adminIpCidrs: { value: cidr, action: 'Allow' }]

resource hostAccount 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: hostAccountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: sku
  }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isolated ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isolated ? 'Deny' : 'Allow'
    }
  }
}

resource hostBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: hostAccount
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

resource packageContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: hostBlobs
  name: packageContainerName
  properties: {
    publicAccess: 'None'
  }
}

resource dataAccount 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: dataAccountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: sku
  }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isolated && empty(adminIpCidrs) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isolated ? 'Deny' : 'Allow'
      ipRules: adminRules
    }
  }
}

resource dataTables 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' = {
  parent: dataAccount
  name: 'default'
}

resource directoryTable 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01' = {
  parent: dataTables
  name: tableName
}

// Messages name a tenant that has something to deliver; the host puts aside in the second what it cannot read.
resource dataQueues 'Microsoft.Storage/storageAccounts/queueServices@2025-06-01' = {
  parent: dataAccount
  name: 'default'
}

resource hintQueues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [
  for name in ['scim-hints', 'scim-hints-poison']: {
    parent: dataQueues
    name: name
  }
]

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (enableResourceLock) {
  scope: dataAccount
  name: 'keep-directory'
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds the provisioned users and groups; Table Storage has no undelete.'
  }
}

resource tableLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (logTableWrites) {
  scope: dataTables
  name: 'writes'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}
