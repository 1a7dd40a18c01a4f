// The app on Elastic Premium, for those who need an instance that never sleeps. It takes the package by URL: the other
// way needs a file share, and a file share needs a storage key.

@description('Name of the plan.')
param planName string

@description('Name of the function app.')
@minLength(2)
@maxLength(60)
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the identity of the app.')
param identityId string

@description('Where the host reads the package at each start; it must stay readable without a login.')
param packageUri string

@description('Python version; the package must be built for the same one.')
@allowed(['3.11', '3.12', '3.13'])
param pythonVersion string

@description('Spread the instances over availability zones; takes three instances.')
param zoneRedundant bool

@description('Resource id of the subnet for outgoing calls; empty for none.')
param subnetId string

@description('App settings, as name and value.')
param appSettings array

@description('Access rules for incoming calls; empty serves everybody.')
param ipRules array

// In a file of their own because Flex Consumption refuses every one of them.
var premiumSettings = json(replace(loadTextContent('../premium-settings.json'), '{packageUri}', packageUri))
var runtime = { linuxFxVersion: 'Python|${pythonVersion}' }

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'elastic'
  sku: {
    name: 'EP1'
    tier: 'ElasticPremium'
    capacity: zoneRedundant ? 3 : 1
  }
  properties: {
    reserved: true
    maximumElasticWorkerCount: 20
    zoneRedundant: zoneRedundant
  }
}

var siteProperties = {
  serverFarmId: plan.id
  reserved: true
  httpsOnly: true
  clientAffinityEnabled: false
  publicNetworkAccess: 'Enabled'
  siteConfig: union(runtime, {
    appSettings: concat(appSettings, premiumSettings)
    minTlsVersion: '1.2'
    scmMinTlsVersion: '1.2'
    http20Enabled: true
    ipSecurityRestrictions: ipRules
    ipSecurityRestrictionsDefaultAction: empty(ipRules) ? 'Allow' : 'Deny'
  })
}

// Absent rather than empty: Azure checks the right to join whatever subnet is named, and '' names none.
var network = empty(subnetId) ? {} : { virtualNetworkSubnetId: subnetId }

resource site 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: union(siteProperties, network)
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
