/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TUNNELS_H
#define IAGMETER_TUNNELS_H

#include "collectors/capture/layers.h"

/* What can stand between a link and the packet that counts: steps as in layers.h. */

/* Below IP. */
layer tunnels_vlan_tag; /* IEEE 802.1Q, 802.1ad, and what came before them */
layer tunnels_vn_tag;   /* Cisco, 0x8926 */
layer tunnels_e_tag;    /* IEEE 802.1BR */
layer tunnels_i_tag;    /* IEEE 802.1ah, provider backbone bridges */
layer tunnels_cmd;      /* Cisco MetaData, TrustSec */
layer tunnels_macsec;   /* IEEE 802.1AE, where it protects and does not encrypt */
layer tunnels_hsr;      /* IEC 62439-3 */
layer tunnels_trill;    /* RFC 6325 */
layer tunnels_fgl;      /* RFC 7172, fine-grained labels in TRILL */
layer tunnels_batman;   /* B.A.T.M.A.N. advanced, to one host */
layer tunnels_nsh;      /* RFC 8300 */
layer tunnels_llc;      /* IEEE 802.2, SNAP */
layer tunnels_mpls;     /* RFC 3032; under it IP or a pseudowire (RFC 4448) */
layer tunnels_pppoe;    /* RFC 2516, session */
layer tunnels_ppp;      /* RFC 1661, with address and control or without */

/* Over IP. */
layer tunnels_gre;     /* RFC 2784, 2890; PPTP (RFC 2637), ERSPAN, WCCP, EoIP, Aruba */
layer tunnels_etherip; /* RFC 3378 */

layer tunnels_pim; /* RFC 7761, 4.9.3: what a router registers with another */

#define TUNNELS_CAPWAP 5247

/* For each 1024 ports, whether the own port of any tunnel is among them. */
extern const uint8_t tunnels_groups[64];

/* Whether a tunnel is worth looking for: most ports are in other groups, and most networks have
 * tunnels on their own ports alone. */
static inline bool tunnels_may_be_on(const struct trust_policy *policy, unsigned source,
                                     unsigned destination)
{
    return (tunnels_groups[source >> 10] | tunnels_groups[destination >> 10]) ||
           policy->port_count > 0;
}

/* What CAPWAP carries: frames of 802.11 if `frame->protocol`, else of Ethernet. */
layer tunnels_capwap_payload;

/* The step for the tunnel that a UDP port announces, its own or one of the policy's, or NULL. Such
 * a step returns DECODE_CORRUPT when its header is not that of the tunnel. */
layer *tunnels_on_port(const struct trust_policy *policy, uint16_t source, uint16_t destination);

/* TEXT is "fou:5555": the tunnel's name, and a UDP port on which it is looked for, too. Returns
 * NULL, or why it was refused (a static string). */
const char *tunnels_add_port(struct trust_policy *policy, const char *text);

#endif
