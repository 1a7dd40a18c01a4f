// The network through which the app reaches its storage and its vault. The app itself stays public: Entra calls from
// the internet.

import { tagsByName } from '../types.bicep'

@description('Name of the virtual network.')
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags tagsByName

@description('IPv4 range of the network, /24 or larger; it must not overlap a network it is to be peered with.')
param addressPrefix string

@description('Service to which the subnet of the app belongs: it differs between the hosting plans.')
@allowed(['Microsoft.App/environments', 'Microsoft.Web/serverFarms'])
param appDelegation string

@description('Give the app a way to the internet with an address of its own, through a NAT gateway. Without one Azure lends an address that may change.')
param natGateway bool

resource gatewayAddress 'Microsoft.Network/publicIPAddresses@2025-05-01' = if (natGateway) {
  name: 'pip-${name}'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIPAllocationMethod: 'Static'
  }
}

resource gateway 'Microsoft.Network/natGateways@2025-05-01' = if (natGateway) {
  name: 'ng-${name}'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIpAddresses: [
      {
        id: gatewayAddress.id
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressPrefix]
    }
    subnets: [
      {
        // No underscore in the name: Flex Consumption refuses it.
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 0)
          // Named, since its default differs between API versions. Telemetry, and all that the app calls beyond
          // storage and vault, goes this way.
          defaultOutboundAccess: !natGateway
          natGateway: natGateway ? { id: gateway.id } : null
          delegations: [
            {
              name: 'app'
              properties: {
                serviceName: appDelegation
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 1)
          defaultOutboundAccess: false
        }
      }
    ]
  }
}
