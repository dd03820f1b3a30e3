"""What the invented companies' sites are built with, each part as its maker has it put into a page.

A company's site shows those of its technologies that show at all, and the tools of its marketing, drawn by its domain.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gtm.sandbox.world import Company


@dataclass(frozen=True)
class Part:
    """`{number}` in its text stands for the company's number at the maker. `tag` and `category` are the vendors' words
    for its kind: BuiltWith's, and Wappalyzer's as (id, slug, name)."""

    head: str = ""
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    tag: str = "widgets"
    category: tuple[int, str, str] = (19, "miscellaneous", "Miscellaneous")


CMS = (1, "cms", "CMS")
SHOP = (6, "ecommerce", "Ecommerce")
ANALYTICS = (10, "analytics", "Analytics")
CDN = (31, "cdn", "CDN")
AUTOMATION = (32, "marketing-automation", "Marketing automation")
ADVERTISING = (36, "advertising", "Advertising")
TAGS = (42, "tag-managers", "Tag managers")
CHAT = (52, "live-chat", "Live chat")
PAYMENT = (41, "payment-processors", "Payment processors")
CRM = (53, "crm", "CRM")

PARTS: Mapping[str, Part] = {
    # content
    "WordPress": Part(
        head='<meta name="generator" content="WordPress 6.8.1">'
        '<link rel="stylesheet" href="/wp-content/themes/plain/style.css?ver=6.8.1">',
        tag="cms",
        category=CMS,
    ),
    "Webflow": Part(head='<meta content="Webflow" name="generator">', tag="cms", category=CMS),
    "Drupal": Part(
        head='<meta name="Generator" content="Drupal 10 (https://www.drupal.org)">',
        headers={"X-Generator": "Drupal 10 (https://www.drupal.org)"},
        tag="cms",
        category=CMS,
    ),
    "Odoo": Part(head='<meta name="generator" content="Odoo">', tag="cms", category=CMS),
    "Shopify": Part(
        head='<script src="//cdn.shopify.com/s/files/1/{number}/t/4/assets/theme.js" defer></script>',
        headers={"powered-by": "Shopify", "set-cookie": "_shopify_y=3f0c9a; path=/; secure, _shopify_s=77ab01; path=/"},
        tag="shop",
        category=SHOP,
    ),
    "WooCommerce": Part(
        head='<meta name="generator" content="WordPress 6.8.1"><meta name="generator" content="WooCommerce 9.8.5">'
        '<script src="/wp-content/plugins/woocommerce/assets/js/frontend/woocommerce.min.js"></script>',
        tag="shop",
        category=SHOP,
    ),
    "Magento": Part(
        head='<script src="/static/version1751284002/frontend/Plain/base/en_GB/requirejs/require.js"></script>',
        headers={"x-magento-cache-debug": "HIT"},
        tag="shop",
        category=SHOP,
    ),
    # where it stands
    "Cloudflare": Part(headers={"server": "cloudflare", "cf-ray": "8f2a7c1b9d3e-LHR"}, tag="cdn", category=CDN),
    "Fastly": Part(headers={"x-served-by": "cache-lhr-egll1980041-LHR", "via": "1.1 varnish"}, tag="cdn", category=CDN),
    "Vercel": Part(headers={"server": "Vercel", "x-vercel-id": "fra1::x7k2p-1731744000"}, tag="hosting", category=CDN),
    "AWS": Part(headers={"x-amz-cf-id": "Zk3mQ2v9eX1w==", "via": "1.1 7d1c.cloudfront.net"}, tag="hosting"),
    "Azure": Part(headers={"x-azure-ref": "20261116T090000Z-r1b2c3"}, tag="hosting", category=CDN),
    "Google Cloud": Part(headers={"via": "1.1 google"}, tag="hosting", category=CDN),
    # measuring and advertising
    "Google Tag Manager": Part(
        head="<script>(function(w,d,s,l,i){{w[l]=w[l]||[];w[l].push({{event:'gtm.js'}});"
        "var f=d.getElementsByTagName(s)[0],j=d.createElement(s);j.async=true;"
        "j.src='https://www.googletagmanager.com/gtm.js?id='+i;f.parentNode.insertBefore(j,f);"
        "}})(window,document,'script','dataLayer','GTM-{number}');</script>",
        body='<noscript><iframe src="https://www.googletagmanager.com/ns.html?id=GTM-{number}" height="0" width="0">'
        "</iframe></noscript>",
        tag="analytics",
        category=TAGS,
    ),
    "Google Analytics": Part(
        head='<script async src="https://www.googletagmanager.com/gtag/js?id=G-{number}"></script>',
        tag="analytics",
        category=ANALYTICS,
    ),
    "Hotjar": Part(
        head="<script>(function(h,o,t,j,a,r){{h._hjSettings={{hjid:{number},hjsv:6}};r=o.createElement('script');"
        "r.src=t+h._hjSettings.hjid+j;}})(window,document,'https://static.hotjar.com/c/hotjar-','.js?sv=');</script>",
        tag="analytics",
        category=ANALYTICS,
    ),
    "Segment": Part(
        head="<script>var i='analytics';t.src='https://cdn.segment.com/analytics.js/v1/k{number}/analytics.min.js';"
        "</script>",
        tag="analytics",
        category=ANALYTICS,
    ),
    "LinkedIn Insight Tag": Part(
        body='<script>_linkedin_partner_id="{number}";b.src = "https://snap.licdn.com/li.lms-analytics/insight.min.js";'
        "</script>",
        tag="ads",
        category=ADVERTISING,
    ),
    "Meta Pixel": Part(
        head="<script>!function(f,b,e,v){{}}(window,document,'script',"
        "'https://connect.facebook.net/en_US/fbevents.js');fbq('init','{number}');</script>",
        tag="ads",
        category=ADVERTISING,
    ),
    "Optimizely": Part(
        head='<script src="https://cdn.optimizely.com/js/{number}.js"></script>', tag="analytics", category=ANALYTICS
    ),
    "Adobe Experience Cloud": Part(
        head='<script src="https://assets.adobedtm.com/launch-EN{number}.min.js" async></script>',
        tag="analytics",
        category=ANALYTICS,
    ),
    # customers
    "HubSpot": Part(
        body='<script type="text/javascript" id="hs-script-loader" async defer src="//js.hs-scripts.com/{number}.js">'
        "</script>",
        tag="analytics",
        category=AUTOMATION,
    ),
    "Salesforce": Part(
        body='<form action="https://webto.salesforce.com/servlet/servlet.WebToLead?encoding=UTF-8" method="POST">'
        '<input type="hidden" name="oid" value="00D{number}"><input name="email"></form>',
        category=CRM,
    ),
    "Marketo": Part(
        body='<script>s.src="//munchkin.marketo.net/munchkin.js";Munchkin.init("{number}");</script>',
        tag="analytics",
        category=AUTOMATION,
    ),
    "Dynamics 365": Part(
        body='<script src="https://mktdplp102cdn.azureedge.net/public/latest/js/form-loader.js"></script>',
        category=AUTOMATION,
    ),
    "Pipedrive": Part(body='<script src="https://webforms.pipedrive.com/f/loader"></script>', category=CRM),
    "Klaviyo": Part(
        body='<script async src="https://static.klaviyo.com/onsite/js/klaviyo.js?company_id=K{number}"></script>',
        category=AUTOMATION,
    ),
    "Mailchimp": Part(
        head="<script>!function(c,h){{}}(document,'script','https://chimpstatic.com/mcjs-connected/js/users/{number}.js');"
        "</script>",
        category=AUTOMATION,
    ),
    "Braze": Part(
        body='<script src="https://js.appboycdn.com/web-sdk/5.8/braze.min.js"></script>', category=AUTOMATION
    ),
    "Intercom": Part(
        body="<script>var w=window;s.src='https://widget.intercom.io/widget/ic{number}';</script>", category=CHAT
    ),
    "Drift": Part(body="<script>o.src='https://js.driftt.com/include/300/{number}.js';</script>", category=CHAT),
    "Zendesk": Part(
        body='<script id="ze-snippet" src="https://static.zdassets.com/ekr/snippet.js?key=z{number}"></script>',
        category=CHAT,
    ),
    "Calendly": Part(
        body='<script src="https://assets.calendly.com/assets/external/widget.js" async></script>',
        category=(72, "appointment-scheduling", "Appointment scheduling"),
    ),
    "Stripe": Part(head='<script src="https://js.stripe.com/v3/"></script>', tag="payment", category=PAYMENT),
    "Adyen": Part(
        head='<script src="https://checkoutshopper-live.adyen.com/checkoutshopper/sdk/6.4.0/adyen.js"></script>',
        tag="payment",
        category=PAYMENT,
    ),
    "Plaid": Part(
        head='<script src="https://cdn.plaid.com/link/v2/stable/link-initialize.js"></script>',
        tag="payment",
        category=PAYMENT,
    ),
    "Google Maps Platform": Part(
        body='<script src="https://maps.googleapis.com/maps/api/js?key=AIza{number}&amp;callback=map"></script>',
        category=(35, "maps", "Maps"),
    ),
    "Power BI": Part(body='<iframe src="https://app.powerbi.com/view?r=ey{number}"></iframe>'),
    "Workday": Part(body='<a href="https://w{number}.wd3.myworkdayjobs.com/careers">Work with us</a>', tag="hr"),
}
SHOWN_AS = {"Shopify Plus": "Shopify"}
DRAWN = (
    ("content", ("WordPress", "Webflow", "Drupal")),
    ("delivery", ("Cloudflare", "Fastly", "")),
    ("tags", ("Google Tag Manager", "Google Tag Manager", "")),
    ("counting", ("Google Analytics", "Google Analytics", "Hotjar", "Segment")),
    ("advertising", ("LinkedIn Insight Tag", "LinkedIn Insight Tag", "Meta Pixel", "")),
    ("meeting", ("Calendly", "Intercom", "Drift", "", "")),
    ("trying", ("Optimizely", "", "", "")),
)
COUNTRY_CODES = {
    "Australia": "AU",
    "Austria": "AT",
    "Belgium": "BE",
    "Canada": "CA",
    "Denmark": "DK",
    "Finland": "FI",
    "France": "FR",
    "Germany": "DE",
    "India": "IN",
    "Ireland": "IE",
    "Netherlands": "NL",
    "Norway": "NO",
    "Poland": "PL",
    "Portugal": "PT",
    "Spain": "ES",
    "Sweden": "SE",
    "Switzerland": "CH",
    "United Kingdom": "GB",
    "United States": "US",
}
WHOLE_SITES = {"Shopify", "WooCommerce", "Magento", "Odoo"}
HOSTS = {"Vercel", "AWS", "Azure", "Google Cloud"}


def parts_of(company: Company) -> tuple[str, ...]:
    """Names of the parts, those of its known technologies first."""
    known = [SHOWN_AS.get(name, name) for name in company.technologies]
    names = [name for name in known if name in PARTS]
    for what, among in DRAWN:
        name = among[company.number(f"site {what}", len(among)) - 1]
        is_taken = (what == "content" and WHOLE_SITES & set(names)) or (what == "delivery" and HOSTS & set(names))
        if name and not is_taken and name not in names:
            names.append(name)
    return tuple(names)


def number_at_maker(company: Company, name: str) -> str:
    return str(company.number(f"site {name}", 8_999_999) + 1_000_000)
