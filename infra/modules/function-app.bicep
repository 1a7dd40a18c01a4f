// The app on Flex Consumption. The runtime, its version and the scale are properties of functionAppConfig: this plan
// refuses the settings that other plans use for them.

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

@description('URL of the container that holds the package.')
param packageContainerUrl string

@description('Python version; the package must be built for the same one.')
@allowed(['3.11', '3.12', '3.13'])
param pythonVersion string

@description('Memory of an instance, in MB; the processor share grows with it.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int

@description('Upper limit of instances.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int

@description('Instances that are always warm; 0 lets the app sleep.')
@minValue(0)
@maxValue(100)
param httpAlwaysReady int

@description('Instances of the function that delivers to webhooks that are always warm.')
@minValue(0)
@maxValue(100)
param deliverAlwaysReady int

@description('Requests that one instance serves at a time.')
@minValue(1)
@maxValue(1000)
param httpPerInstanceConcurrency int

@description('Spread the instances over availability zones.')
param zoneRedundant bool

@description('How running instances take a new package or setting.')
@allowed(['Recreate', 'RollingUpdate'])
param updateStrategy string

@description('Resource id of the subnet for outgoing calls; empty for none.')
param subnetId string

@description('App settings.')
param appSettings settingsByName

@description('Access rules for incoming calls; empty serves everybody.')
param ipRules accessRule[]

// With zone redundancy a single warm instance is refused.
var least = zoneRedundant ? 2 : 1
var alwaysReady = concat(
  httpAlwaysReady == 0 ? [] : [{ name: 'http', instanceCount: max(httpAlwaysReady, least) }],
  deliverAlwaysReady == 0 ? [] : [{ name: 'function:Deliver', instanceCount: max(deliverAlwaysReady, least) }]
)

var config = {
  deployment: {
    storage: {
      type: 'blobContainer'
      value: packageContainerUrl
      authentication: {
        type: 'UserAssignedIdentity'
        userAssignedIdentityResourceId: identityId
      }
    }
  }
  runtime: {
    name: 'python'
    version: pythonVersion
  }
  scaleAndConcurrency: {
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReady: alwaysReady
    triggers: {
      http: {
        perInstanceConcurrency: httpPerInstanceConcurrency
      }
    }
  }
}

// Absent unless asked for: a preview, which not every region has, and which the published types do not list.
var rollingUpdate = { siteUpdateStrategy: { type: 'RollingUpdate' } }

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
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
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: 'Enabled'
    // The host's /admin answers to Azure alone, not to the master key. The service takes it, the published type does
    // not list it; as an app setting it is refused (Azure/Azure-Functions#2573, Azure/azure-functions-host#11369).
    #disable-next-line BCP037
    functionsRuntimeAdminIsolationEnabled: true
    // Null rather than empty: Azure checks the right to join whatever subnet is named, and '' names none.
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: union(config, updateStrategy == 'Recreate' ? {} : rollingUpdate)
    siteConfig: {
      appSettings: map(items(appSettings), setting => { name: setting.key, value: setting.value })
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
