"""By which signs a technology shows on a web page, and the one name that we call it by. Pure.

The signs are our own, of what these products tell whoever installs them. `script`: the address of a script, also where
a program on the page names it; `address`: anything else that the page loads or sends to; `link`: where it links to;
`generator`: its meta element of that name; `header`: a line of the answer, in small letters; `cookie`: its name.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from agents_app.research import markup

LONGEST = 300  # characters of a text in which a sign stands


class Sign(NamedTuple):
    technology: str
    where: Literal["script", "address", "link", "generator", "header", "cookie"]
    pattern: str


SIGNS = (
    # who the visitors are, and what becomes of them
    Sign("HubSpot", "script", r"\bjs(-\w+)?\.(hs-scripts|hs-analytics|hsforms|hscollectedforms)\.(com|net)/"),
    Sign("HubSpot", "address", r"\bforms(-\w+)?\.(hsforms|hubspot)\.com/"),
    Sign("HubSpot", "generator", r"^hubspot"),
    Sign("HubSpot", "header", r"^x-hs-hub-id:"),
    Sign("Salesforce", "address", r"\bwebto\.salesforce\.com/"),
    Sign("Salesforce", "script", r"\.salesforceliveagent\.com/|\.salesforce-scrt\.com\b"),
    Sign("Salesforce Pardot", "script", r"\b(pi|cdn)\.pardot\.com/"),
    Sign("Salesforce Pardot", "address", r"\bgo\.pardot\.com/"),
    Sign("Marketo", "script", r"\bmunchkin\.marketo\.net/|\.marketo\.com/js/forms2/"),
    Sign("Oracle Eloqua", "script", r"\.en25\.com/"),
    Sign("Dynamics 365", "script", r"\bmktdplp102cdn\.azureedge\.net/"),
    Sign("ActiveCampaign", "script", r"\.activehosted\.com/|\btrackcmp\.net/"),
    Sign("Pipedrive", "script", r"\b(webforms|leadbooster-chat)\.pipedrive\.com/"),
    Sign("Zoho SalesIQ", "script", r"\bsalesiq\.zoho(public)?\.(com|eu)/"),
    Sign("Mailchimp", "script", r"\bchimpstatic\.com/mcjs-connected/"),
    Sign("Mailchimp", "address", r"\.list-manage\.com/subscribe"),
    Sign("Klaviyo", "script", r"\bstatic\.klaviyo\.com/onsite/"),
    Sign("Braze", "script", r"\bjs\.appboycdn\.com/web-sdk/"),
    Sign("Customer.io", "script", r"\bassets\.customer\.io/"),
    Sign("Brevo", "script", r"\bsibautomation\.com/|\bcdn\.brevo\.com/"),
    Sign("Clearbit", "script", r"\btag\.clearbitscripts\.com/|\bx\.clearbitjs\.com/"),
    Sign("6sense", "script", r"\bj\.6sc\.co/"),
    Sign("Demandbase", "script", r"\btag\.demandbase\.com/"),
    Sign("ZoomInfo", "script", r"\bws\.zoominfo\.com/pixel|\bjs\.zi-scripts\.com/"),
    Sign("Leadfeeder", "script", r"\bsc\.lfeeder\.com/"),
    Sign("Albacross", "script", r"\bserve\.albacross\.com/"),
    Sign("Apollo", "script", r"\bassets\.apollo\.io/micro/website-tracker/"),
    Sign("Segment", "script", r"\bcdn\.segment\.(com|io)/"),
    # talking to them
    Sign("Intercom", "script", r"\bwidget\.intercom\.io/|\bjs\.intercomcdn\.com/"),
    Sign("Drift", "script", r"\bjs\.driftt\.com/"),
    Sign("Qualified", "script", r"\bjs\.qualified\.com/"),
    Sign("Zendesk", "script", r"\bstatic\.zdassets\.com/"),
    Sign("LiveChat", "script", r"\bcdn\.livechatinc\.com/"),
    Sign("Tawk.to", "script", r"\bembed\.tawk\.to/"),
    Sign("Crisp", "script", r"\bclient\.crisp\.chat/"),
    Sign("Tidio", "script", r"\bcode\.tidio\.co/"),
    Sign("Freshchat", "script", r"\bwchat\.freshchat\.com/"),
    Sign("Gorgias", "script", r"\bconfig\.gorgias\.(chat|io)/"),
    Sign("Calendly", "script", r"\bassets\.calendly\.com/"),
    Sign("Calendly", "address", r"\bcalendly\.com/"),
    Sign("Chili Piper", "script", r"\bjs\.chilipiper\.com/"),
    Sign("Cal.com", "script", r"\bapp\.cal\.com/embed/"),
    Sign("Typeform", "script", r"\bembed\.typeform\.com/"),
    Sign("Unbounce", "script", r"\.ubembed\.com/"),
    # measuring and trying
    Sign("Google Tag Manager", "script", r"\bwww\.googletagmanager\.com/gtm\.js"),
    Sign("Google Tag Manager", "address", r"\bwww\.googletagmanager\.com/ns\.html"),
    Sign("Google Analytics", "script", r"\bwww\.google-analytics\.com/|\.googletagmanager\.com/gtag/js\?id=(G|UA)-"),
    Sign("Adobe Experience Cloud", "script", r"\bassets\.adobedtm\.com/"),
    Sign("Mixpanel", "script", r"\bcdn\d?\.mxpnl\.com/"),
    Sign("Amplitude", "script", r"\bcdn\.amplitude\.com/"),
    Sign("Heap", "script", r"\bcdn(\.us)?\.heap(analytics|-api)\.com/"),
    Sign("PostHog", "script", r"\b(app|us|eu)(-assets)?(\.i)?\.posthog\.com"),
    Sign("Plausible", "script", r"\bplausible\.io/js/"),
    Sign("Matomo", "script", r"\bcdn\.matomo\.cloud/|/(matomo|piwik)\.js\b"),
    Sign("Hotjar", "script", r"\bstatic\.hotjar\.com/c/"),
    Sign("FullStory", "script", r"\bfullstory\.com/s/fs\.js"),
    Sign("Microsoft Clarity", "script", r"\bwww\.clarity\.ms/tag/"),
    Sign("Crazy Egg", "script", r"\bscript\.crazyegg\.com/"),
    Sign("Mouseflow", "script", r"\bcdn\.mouseflow\.com/"),
    Sign("Optimizely", "script", r"\bcdn\.optimizely\.com/"),
    Sign("VWO", "script", r"\bdev\.visualwebsiteoptimizer\.com/"),
    Sign("AB Tasty", "script", r"\btry\.abtasty\.com/"),
    Sign("Mutiny", "script", r"\bclient-registry\.mutinycdn\.com/"),
    Sign("OneTrust", "script", r"\bcdn\.cookielaw\.org/"),
    Sign("Cookiebot", "script", r"\bconsent\.cookiebot\.(com|eu)/"),
    Sign("Usercentrics", "script", r"\bapp\.usercentrics\.eu/"),
    # advertising
    Sign("LinkedIn Insight Tag", "script", r"\bsnap\.licdn\.com/li\.lms-analytics/"),
    Sign("Meta Pixel", "script", r"\bconnect\.facebook\.net/\w+/fbevents\.js"),
    Sign("Google Ads", "script", r"\bwww\.googletagmanager\.com/gtag/js\?id=AW-|\bwww\.googleadservices\.com/pagead/"),
    Sign("Microsoft Advertising", "script", r"\bbat\.bing\.com/bat\.js"),
    Sign("X Ads", "script", r"\bstatic\.ads-twitter\.com/"),
    Sign("TikTok Pixel", "script", r"\banalytics\.tiktok\.com/i18n/pixel/"),
    Sign("Reddit Pixel", "script", r"\bwww\.redditstatic\.com/ads/"),
    Sign("AdRoll", "script", r"\bs\.adroll\.com/"),
    Sign("Criteo", "script", r"\b(static|dynamic)\.criteo\.(net|com)/"),
    # selling
    Sign("Shopify", "script", r"\bcdn\.shopify\.com/|/cdn/shop/"),
    Sign("Shopify", "header", r"^powered-by: shopify"),
    Sign("Shopify", "cookie", r"^_shopify_\w$"),
    Sign("WooCommerce", "generator", r"^woocommerce"),
    Sign("WooCommerce", "script", r"/wp-content/plugins/woocommerce/"),
    Sign("Magento", "script", r"/static/version\d+/frontend/"),
    Sign("Magento", "header", r"^x-magento-"),
    Sign("BigCommerce", "script", r"\bcdn\d*\.bigcommerce\.com/"),
    Sign("PrestaShop", "generator", r"^prestashop"),
    Sign("Salesforce Commerce Cloud", "script", r"/on/demandware\.static/"),
    Sign("Stripe", "script", r"\bjs\.stripe\.com/"),
    Sign("PayPal", "script", r"\bwww\.paypal(objects)?\.com/(sdk/js|api/checkout)"),
    Sign("Adyen", "script", r"\bcheckoutshopper-\w+(-\w+)?\.adyen\.com/"),
    Sign("Braintree", "script", r"\bjs\.braintreegateway\.com/"),
    Sign("Klarna", "script", r"\bx\.klarnacdn\.net/|\bjs\.klarna\.com/"),
    Sign("Plaid", "script", r"\bcdn\.plaid\.com/link/"),
    # the site itself, and where it stands
    Sign("WordPress", "generator", r"^wordpress"),
    Sign("WordPress", "script", r"/wp-(content|includes)/"),
    Sign("Webflow", "generator", r"^webflow"),
    Sign("Drupal", "generator", r"^drupal"),
    Sign("Drupal", "header", r"^x-generator: drupal"),
    Sign("TYPO3", "generator", r"^typo3"),
    Sign("Joomla", "generator", r"^joomla"),
    Sign("Wix", "generator", r"^wix\.com"),
    Sign("Squarespace", "script", r"\bstatic1?\.squarespace\.com/|\bassets\.squarespace\.com/"),
    Sign("Ghost", "generator", r"^ghost \d"),
    Sign("Framer", "generator", r"^framer"),
    Sign("Odoo", "generator", r"^odoo"),
    Sign("Adobe Experience Manager", "script", r"/etc\.clientlibs/"),
    Sign("Sitecore", "cookie", r"^sc_analytics_global_cookie$"),
    Sign("Contentful", "address", r"\bimages\.ctfassets\.net/"),
    Sign("Cloudflare", "header", r"^server: cloudflare"),
    Sign("Fastly", "header", r"^x-served-by: cache-"),
    Sign("Akamai", "header", r"^server: akamaighost|^x-akamai-"),
    Sign("AWS", "header", r"^x-amz-cf-id:|^server: amazons3"),
    Sign("Azure", "header", r"^x-azure-ref:"),
    Sign("Google Cloud", "header", r"^via: 1\.1 google"),
    Sign("Vercel", "header", r"^server: vercel"),
    Sign("Netlify", "header", r"^server: netlify"),
    Sign("WP Engine", "header", r"^x-powered-by: wp engine"),
    # what else a page brings along
    Sign("Wistia", "script", r"\bfast\.wistia\.(com|net)/"),
    Sign("Vidyard", "script", r"\bplay\.vidyard\.com/"),
    Sign("Google Maps Platform", "script", r"\bmaps\.googleapis\.com/maps/api/js"),
    Sign("Power BI", "address", r"\bapp\.powerbi\.com/view"),
    Sign("Tableau", "address", r"\bpublic\.tableau\.com/views/"),
    Sign("New Relic", "script", r"\bjs-agent\.newrelic\.com/"),
    Sign("Datadog", "script", r"\bwww\.datadoghq-browser-agent\.com/"),
    Sign("Sentry", "script", r"\b(browser|js)\.sentry-cdn\.com/"),
    Sign("Workday", "link", r"\.myworkdayjobs\.com/"),
    Sign("Greenhouse", "link", r"\b(job-)?boards(\.eu)?\.greenhouse\.io/"),
    Sign("Lever", "link", r"\bjobs(\.eu)?\.lever\.co/"),
)
PATTERNS = tuple((sign, re.compile(sign.pattern, re.IGNORECASE)) for sign in SIGNS)

# What data vendors call it, in small letters → what we call it.
NAMES = {
    "amazon cloudfront": "AWS",
    "amazon s3": "AWS",
    "amazon web services": "AWS",
    "cloudflare bot management": "Cloudflare",
    "cloudflare cdn": "Cloudflare",
    "cloudflare hosting": "Cloudflare",
    "facebook pixel": "Meta Pixel",
    "google analytics 4": "Google Analytics",
    "google universal analytics": "Google Analytics",
    "hubspot analytics": "HubSpot",
    "hubspot chat": "HubSpot",
    "hubspot cms hub": "HubSpot",
    "hubspot forms": "HubSpot",
    "linkedin insight tag": "LinkedIn Insight Tag",
    "linkedin insights": "LinkedIn Insight Tag",
    "pardot": "Salesforce Pardot",
    "salesforce web-to-lead": "Salesforce",
    "microsoft dynamics 365": "Dynamics 365",
    "twitter ads": "X Ads",
    "zendesk chat": "Zendesk",
    "zendesk web widget": "Zendesk",
}


def called(name: str) -> str:
    return NAMES.get(name.casefold(), name)


@lru_cache(maxsize=4)  # each claim of a page looks into it again
def on_page(html: str) -> Mapping[str, Mapping[str, str]]:
    """Technology → its name, and the first sign of it on the page by the kind of sign: {"name": …, "script": …}."""
    page = markup.page(html)
    generator = page.meta.get("generator", "")
    standing = {
        "script": [*page.scripts, *page.named],
        "address": page.addresses,
        "link": page.links,
        "generator": [generator],
    }
    return _shown({where: [text[:LONGEST] for text in texts] for where, texts in standing.items()})


def in_headers(headers: Mapping[str, object]) -> Mapping[str, Mapping[str, str]]:
    """The same of an answer's headers, by small letters; of `set-cookie` only the names of cookies, with commas."""
    cookies = [name.strip() for name in str(headers.get("set-cookie", "")).split(",")]
    return _shown({"header": [f"{name}: {value}" for name, value in headers.items()], "cookie": cookies})


def _shown(standing: Mapping[str, Sequence[str]]) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for sign, pattern in PATTERNS:
        if sign.technology not in found:
            shows = next((text for text in standing.get(sign.where, ()) if pattern.search(text)), None)
            if shows:
                found[sign.technology] = {"name": sign.technology, sign.where: shows}
    return found
