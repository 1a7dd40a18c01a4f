// Private endpoints for the services the app calls, and the names by which it finds them.

import { tagsByName } from '../types.bicep'

@description('Azure region.')
param location string

@description('Tags.')
param tags tagsByName

@description('Resource id of the network.')
param networkId string

@description('Resource id of the subnet that takes the endpoints.')
param subnetId string

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

var zoneNames = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.table.${environment().suffixes.storage}'
  replace(environment().suffixes.keyvaultDns, '.vault.', 'privatelink.vaultcore.')
  'privatelink.queue.${environment().suffixes.storage}'
]

var endpoints = [
  { name: 'host-blob', service: hostAccount.id, group: 'blob', zone: 0 }
  { name: 'host-table', service: hostAccount.id, group: 'table', zone: 1 }
  { name: 'data-table', service: dataAccount.id, group: 'table', zone: 1 }
  { name: 'data-queue', service: dataAccount.id, group: 'queue', zone: 3 }
  { name: 'vault', service: vault.id, group: 'vault', zone: 2 }
]

resource hostAccount 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostAccountName
}

resource dataAccount 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: dataAccountName
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zoneName in zoneNames: {
    name: zoneName
    location: 'global'
    tags: tags
    properties: {}
  }
]

resource zoneLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zoneName, i) in zoneNames: {
    parent: zones[i]
    // Two endpoints in one resource group share the zones, and each links its own network.
    name: 'link-${vaultName}'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: networkId
      }
    }
  }
]

// One after the other: a storage account refuses a second endpoint while it takes the first.
@batchSize(1)
resource privateEndpoints 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for endpoint in endpoints: {
    name: 'pe-${vaultName}-${endpoint.name}'
    location: location
    tags: tags
    properties: {
      subnet: {
        id: subnetId
      }
      privateLinkServiceConnections: [
        {
          name: endpoint.name
          properties: {
            privateLinkServiceId: endpoint.service
            groupIds: [endpoint.group]
          }
        }
      ]
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (endpoint, i) in endpoints: {
    parent: privateEndpoints[i]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: endpoint.group
          properties: {
            privateDnsZoneId: zones[endpoint.zone].id
          }
        }
      ]
    }
  }
]
