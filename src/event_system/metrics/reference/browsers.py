"""What visitors of web pages experience."""

from __future__ import annotations

from typing import Final

from event_system.metrics.reference.entry import entries

PAGES: Final = entries("""
rum_page_load_seconds | histogram | page | seconds | 页面加载时间: until the page was loaded | `/rum.js`
rum_fcp_seconds | histogram | page | seconds | 首次内容绘制: first contentful paint | `/rum.js`
rum_lcp_seconds | histogram | page | seconds | 最大内容绘制: largest contentful paint | `/rum.js`
rum_inp_seconds | histogram | page | seconds | interaction to next paint, the slowest but for outliers | `/rum.js`
rum_fid_seconds | histogram | page | seconds | 首次输入延迟: delay of the first input, where the browser tells it | `/rum.js`
rum_cls | histogram | page | score | 累积布局偏移: cumulative layout shift | `/rum.js`
rum_dwell_seconds | histogram | page | seconds | 页面停留时间: until the page was first left or hidden | `/rum.js`
rum_page_views_total | counter | page | views | page views | `/rum.js`
rum_page_views_failed_total | counter | page | views | 错误遇到率: those in which something failed before the page was first left or hidden | `/rum.js`
rum_errors_total | counter | page, kind | errors | `script`, `promise` (rejected, and nobody looked), `resource` (did not load) | `/rum.js`
rum_visits_total | counter | page | visits | visits, by the page on which they began | `/rum.js`
rum_visits_continued_total | counter | page | visits | those that had a second view; all others have bounced (跳出率) | `/rum.js`
rum_feature_uses_total | counter | feature | uses | 功能使用频率: as pages tell them | `/rum.js`
rum_conversions_total | counter | goal | conversions | 转化率, over the visits: goals that pages tell of | `/rum.js`
rum_beacons_total | counter | outcome | beacons | `accepted`, `opted_out` (Do-Not-Track), or the [error code](errors.md) of the refusal | the node
""")
