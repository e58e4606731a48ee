/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_LINKS_H
#define IAGMETER_LINKS_H

#include "collectors/capture/layers.h"

/* Where frames of each libpcap link type begin: steps as in layers.h. */

/* The first step for a link type (DLT_ or LINKTYPE_), or NULL when it is not supported. */
layer *links_find(int link_type);

layer links_80211;         /* IEEE 802.11; also in GRE and CAPWAP */
layer links_swapped_80211; /* the bytes of its frame control in the other order, as in CAPWAP */
/* Of an aggregate, what is left of which FRAME is: whether a packet follows, which FRAME is then
 * narrowed to, and *REST to what is behind it. */
bool links_take_subframe(struct frame *frame, struct packet *rest);
layer links_subframe;    /* one of several packets in one frame of 802.11 */
layer links_frame_relay; /* Q.922 with RFC 2427; also in GRE */

#endif
