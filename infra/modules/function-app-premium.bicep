// The app on Elastic Premium, for those who need an instance that never sleeps. It takes the package by URL: the other
// way needs a file share, and a file share needs a storage key.

import { accessRule, settingsByName, tagsByName } from '../types.bicep'

@description('Name of the plan.')
param planName string

@description('Name of the function app.')
@minLength(2)
@maxLength(60)
param name string

@description('Azure region.')
param location string

@description('Tags of the plan.')
param tags tagsByName

@description('Tags of the app.')
param siteTags tagsByName

@description('Resource id of the identity of the app.')
param identityId string

@description('Where the host reads the package at each start; it must stay readable without a login.')
param packageUri string

@description('Python version; the package must be built for the same one.')
@allowed(['3.11', '3.12', '3.13'])
param pythonVersion string

@description('Spread the instances over availability zones; takes two instances.')
param zoneRedundant bool

@description('Resource id of the subnet for outgoing calls; empty for none.')
param subnetId string

@description('App settings.')
param appSettings settingsByName

@description('Access rules for incoming calls; empty serves everybody.')
param ipRules accessRule[]

// In a file of their own because Flex Consumption refuses every one of them.
var premiumSettings = {
  FUNCTIONS_EXTENSION_VERSION: '~4'
  FUNCTIONS_WORKER_RUNTIME: 'python'
  WEBSITE_RUN_FROM_PACKAGE: packageUri
}

// One for each zone: the plan spreads what it runs, and a single instance is in a single zone.
var instances = zoneRedundant ? 2 : 1

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'elastic'
  sku: {
    name: 'EP1'
    tier: 'ElasticPremium'
    capacity: instances
  }
  properties: {
    reserved: true
    maximumElasticWorkerCount: 20
    zoneRedundant: zoneRedundant
  }
}

resource site 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: siteTags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    reserved: true
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: 'Enabled'
    // The host's /admin answers to Azure alone, not to the master key. The service takes it, the published type does
    // not list it; as an app setting it is refused (Azure/Azure-Functions#2573, Azure/azure-functions-host#11369).
    #disable-next-line BCP037
    functionsRuntimeAdminIsolationEnabled: true
    // Null rather than empty: Azure checks the right to join whatever subnet is named, and '' names none.
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      linuxFxVersion: 'Python|${pythonVersion}'
      minimumElasticInstanceCount: instances
      // Takes an instance that does not answer out of the rotation.
      healthCheckPath: '/health'
      appSettings: map(items(union(appSettings, premiumSettings)), setting => {
        name: setting.key
        value: setting.value
      })
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      ipSecurityRestrictions: ipRules
      ipSecurityRestrictionsDefaultAction: empty(ipRules) ? 'Allow' : 'Deny'
    }
  }
}

// Deployment needs an Entra token: no password opens the deployment endpoint, and FTP is off.
resource ftpPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: site
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scmPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: site
  name: 'scm'
  properties: {
    allow: false
  }
}

@description('Host name of the app.')
output hostName string = site.properties.defaultHostName
